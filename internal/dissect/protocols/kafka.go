// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// kafka: requests with size, API key and version, correlation and client identifier, and the response that repeats the
// correlation identifier.
var kafkaProtocol = &dissect.Protocol{
	Name:      "kafka",
	Spec:      "Apache Kafka protocol guide, \"Protocol Primitive Types\", \"Request Header\"",
	Category:  "message-queue",
	Over:      dissect.TCP,
	Ports:     []uint16{9092, 9093, 9094},
	Start:     dissect.BytesOf(0),
	MinLength: kafkaHeader,
	Heuristic: true,
	Members: []string{"kafka.api_key", "kafka.api_version", "kafka.client_id", "kafka.client_software",
		"kafka.client_version"},
	Inspect: inspectKafka,
}

const (
	kafkaHeader     = 14      // size, API key, API version, correlation identifier, length of the client identifier
	kafkaMaxRequest = 1 << 27 // socket.request.max.bytes is 100 MiB
	kafkaMaxKey     = 92
	kafkaMaxVersion = 18
	kafkaMaxClient  = 249
	kafkaVersions   = 18 // the API key of ApiVersions, which names the client's software from version 3 on
)

func inspectKafka(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, response := c.ToServer(), c.ToClient()
	client, ok := kafkaRequest(request)
	if !ok && len(response) > 0 {
		request, response = response, request
		client, ok = kafkaRequest(request)
	}
	if !ok {
		return moreIf(len(request) < kafkaHeader && len(response) < kafkaHeader)
	}
	answered := len(response) >= 8 && be32(response) >= 4 && be32(response) <= kafkaMaxRequest &&
		string(response[4:8]) == string(request[8:12])
	if len(response) >= 8 && !answered {
		return dissect.No
	}
	_, more, ok := countMessages(request, kafkaLength)
	_, moreBack, okBack := countMessages(response, kafkaLength)
	fits := more == 0 || answered && moreBack == 0 // the sizes match the payload
	if !ok || !okBack || !fits || !answered && len(client) < 3 {
		return moreIf(ok && okBack)
	}
	o := r.Object("kafka")
	o.Text("client_id", client)
	o.Int("api_key", int64(be16(request[4:])))
	o.Int("api_version", int64(be16(request[6:])))
	if be16(request[4:]) == kafkaVersions && be16(request[6:]) >= 3 {
		name, rest := kafkaCompact(request[min(len(request), kafkaHeader+len(client)+1):])
		version, _ := kafkaCompact(rest)
		o.Text("client_software", name)
		o.Text("client_version", version)
	}
	return dissect.Yes
}

// kafkaLength returns the length of a request or response by its size field, for countMessages.
func kafkaLength(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	if size := be32(b); size >= 4 && size <= kafkaMaxRequest {
		return 4 + size
	}
	return -1
}

// kafkaRequest checks a request's header and returns the client identifier, which may be null.
func kafkaRequest(b []byte) (client []byte, ok bool) {
	if len(b) < kafkaHeader {
		return nil, false
	}
	size, length := be32(b), be16(b[12:])
	if size < kafkaHeader-4 || size > kafkaMaxRequest || be16(b[4:]) > kafkaMaxKey || be16(b[6:]) > kafkaMaxVersion {
		return nil, false
	}
	if length == 0xffff {
		return nil, true
	}
	if length > kafkaMaxClient || length > size-(kafkaHeader-4) || len(b) < kafkaHeader+length ||
		!isPrintable(b[kafkaHeader:kafkaHeader+length]) {
		return nil, false
	}
	return b[kafkaHeader : kafkaHeader+length], true
}

// kafkaCompact splits off a compact string: its length plus 1 as a variable byte integer, here of one byte.
func kafkaCompact(b []byte) (text, rest []byte) {
	if len(b) == 0 || b[0] == 0 || b[0] >= 0x80 || len(b) < int(b[0]) {
		return nil, nil
	}
	return b[1:b[0]], b[b[0]:]
}
