// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// stratum: JSON-RPC in lines between miners and pools, in the dialects of Bitcoin's, Ethereum's and CryptoNote's pools.
var stratumProtocol = &dissect.Protocol{
	Name: "stratum", Spec: "Stratum mining protocol (slushpool); EIP-1571", Category: "crypto-currency",
	Over: dissect.TCP, Ports: []uint16{3333, 4444}, Start: dissect.FirstBytes("{"), MinLength: 20,
	Members: []string{"stratum.client", "stratum.method"},
	Inspect: inspectStratum,
}

// stratumMethods are methods that no other JSON-RPC service has, in the form after "method".
var stratumMethods = []string{
	`"mining.subscribe"`, `"mining.authorize"`, `"mining.configure"`, `"mining.notify"`, `"mining.set_difficulty"`,
	`"mining.submit"`, `"mining.extranonce.subscribe"`,
	`"eth_submitLogin"`, `"eth_submitWork"`, `"eth_submitHashrate"`, `"eth_getWork"`,
}

func inspectStratum(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const peek = 2 << 10 // a job's line can be long, but its start or end names the method
	for _, b := range [2][]byte{c.First(), c.Second()} {
		b = b[:min(len(b), peek)]
		line, _, whole := cutLine(b)
		if len(line) == 0 || line[0] != '{' {
			continue
		}
		method := jsonMember(line, `"method"`)
		if hasAnyPrefix(method, stratumMethods) || hasPrefix(method, `"login"`) && isStratumLogin(line) {
			describeStratum(method, line, r)
			return dissect.Yes
		}
		if whole && method == nil {
			continue // an answer; its question is in the other direction
		}
		if whole || len(b) == peek {
			return dissect.No
		}
	}
	if b := c.First(); len(b) > peek || len(b) > 0 && b[0] != '{' {
		return dissect.No
	}
	return dissect.NeedMore
}

// isStratumLogin reports whether a login is for CryptoNote's pools: wallet, password, and the miner's name.
func isStratumLogin(line []byte) bool {
	params := jsonMember(line, `"params"`)
	return hasPrefix(params, "{") && jsonMember(params, `"login"`) != nil &&
		jsonMember(params, `"pass"`) != nil && jsonMember(params, `"agent"`) != nil
}

func describeStratum(method, line []byte, r *dissect.Result) {
	o := r.Object("stratum")
	o.Text("method", stratumString(method))
	if agent := jsonMember(line, `"agent"`); agent != nil {
		o.Text("client", stratumString(agent))
	} else if hasPrefix(method, `"mining.subscribe"`) {
		params := bytes.TrimLeft(jsonMember(line, `"params"`), "[ ")
		o.Text("client", stratumString(params))
	}
}

// stratumString returns the text of a JSON string without escapes.
func stratumString(b []byte) []byte {
	if len(b) == 0 || b[0] != '"' {
		return nil
	}
	text, _, _ := bytes.Cut(b[1:], []byte{'"'})
	return text
}
