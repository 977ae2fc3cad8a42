// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/identify"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Flow learns from a record with its sides. place returns how the gateway reaches an address of the LAN.
func (t *Table) Flow(r *record.Flow, place func(netip.Addr) topology.Place) {
	isLAN := func(e *record.Endpoint) bool { return e.Side == record.SideLAN }
	client, server := isLAN(&r.Client), isLAN(&r.Server)
	if !client && !server {
		return
	}
	at := time.Unix(0, r.LastSeen).UTC()
	t.mu.Lock()
	defer t.mu.Unlock()
	var c, s *host
	sure := heard
	if r.Client.Packets > 0 && r.Server.Packets > 0 {
		sure = answered
	}
	if client && r.Client.Packets > 0 {
		c = t.end(&r.Client, r, place, at, sure)
	}
	if server && r.Server.Packets > 0 {
		s = t.end(&r.Server, r, place, at, sure)
	}
	t.learn(r, c, s, at)
}

// end returns the device at one end of a flow; nil if that is still unknown, or the table is full.
func (t *Table) end(e *record.Endpoint, r *record.Flow, place func(netip.Addr) topology.Place, at time.Time,
	sure certainty) *host {
	addr := e.Addr.Addr()
	if addr.IsUnspecified() { // the client has no address yet: the messages name it
		return nil
	}
	way := place(addr)
	if way.Router.IsValid() {
		h := t.seen(key{addr: addr}, addr, at, sure)
		if h != nil {
			h.move(way.Interface, way.Router)
		}
		return h
	}
	mac, known := t.macs[addr]
	if !known && e == &r.Client && (way.Interface == "" || way.Interface == r.Interface) {
		mac = e.MAC // from a frame that the device sent into its own link
	}
	if mac == ([6]byte{}) {
		if h := t.byAddr[addr]; h != nil {
			return t.seen(h.key, addr, at, sure)
		}
		return nil
	}
	h := t.seen(key{mac: mac}, addr, at, sure)
	if h == nil {
		return nil
	}
	h.move(cmp.Or(way.Interface, r.Interface), h.router)
	return h
}

// telling lists the protocols whose records describe devices.
var telling = map[string]bool{
	"dhcp": true, "dhcpv6": true, "mdns": true, "llmnr": true, "ssdp": true, "netbios": true,
}

// said returns the value of an info's text member: floods are not worth decoding the whole. Within a text a backslash
// precedes a quotation mark, so no text passes for a member.
func said(info []byte, member string) string {
	text, _ := quoted(after(info, member, `"`))
	return text
}

// saidAll returns the values, at most most, of a member that is a list of texts.
func saidAll(info []byte, member string, most int) (all []string) {
	rest := after(info, member, `["`)
	for len(all) < most {
		var text string
		if text, rest = quoted(rest); rest == nil {
			break
		}
		all = append(all, text)
		next, ok := bytes.CutPrefix(rest, []byte(`,"`))
		if !ok {
			break
		}
		rest = next
	}
	return all
}

// after returns what follows the beginning of a member's value.
func after(info []byte, member, begin string) []byte {
	name := append(append(append(make([]byte, 0, 40), '"'), member...), `":`...)
	name = append(name, begin...)
	at := bytes.Index(info, name)
	if at < 0 {
		return nil
	}
	return info[at+len(name):]
}

// quoted splits b after a text's closing quotation mark; text is nil if b has none.
func quoted(b []byte) (text string, rest []byte) {
	isPlain := true
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			isPlain = false
			i++
		case '"':
			if isPlain {
				return string(b[:i]), b[i+1:]
			}
			whole := append(append(append(make([]byte, 0, i+2), '"'), b[:i]...), '"')
			if json.Unmarshal(whole, &text) != nil {
				return "", nil
			}
			return text, b[i+1:]
		}
	}
	return "", nil
}

// learn takes what a record's protocol says about its ends, either of which may be nil.
func (t *Table) learn(r *record.Flow, client, server *host, at time.Time) {
	if server != nil && r.Method == record.MethodDPI && (r.Proto == packet.ProtoTCP || r.Proto == packet.ProtoUDP) {
		server.tell(identify.OpenService, packet.ProtoName(r.Proto)+"/"+strconv.Itoa(int(r.Server.Addr.Port())))
	}
	switch r.Protocol {
	case "http", "quic", "tls":
		if client != nil {
			client.tell(identify.UserAgent, said(r.Info, "user_agent"))
			client.tell(identify.JA4, said(r.Info, "ja4"))
		}
		return
	}
	if !telling[r.Protocol] || len(r.Info) == 0 {
		return
	}
	if r.Protocol == "dhcp" {
		client = t.dhcpClient(client, r, at)
	}
	if client != nil {
		client.sent(r.Protocol, r.Info)
	}
	if server != nil {
		server.replied(r.Protocol, r.Info)
	}
}

// dhcpClient returns the device that a DHCP message is about: its sender may have no address yet.
func (t *Table) dhcpClient(client *host, r *record.Flow, at time.Time) *host {
	mac, ok := parseMAC(said(r.Info, "client_mac"))
	if !ok {
		return client
	}
	switch said(r.Info, "message_type") {
	case "ack":
		if h := t.hosts[key{mac: mac}]; h != nil { // the server, the sender, gave an address to it
			t.raise(h, known)
		}
		return client
	case "offer":
		return client
	}
	h := t.seen(key{mac: mac}, r.Client.Addr.Addr(), at, asking)
	if h != nil {
		h.move(r.Interface, h.router)
	}
	return h
}

// parseMAC parses a unicast address.
func parseMAC(text string) (mac [6]byte, ok bool) {
	b, err := net.ParseMAC(text)
	if err != nil || len(b) != len(mac) {
		return mac, false
	}
	mac = [6]byte(b)
	return mac, mac != [6]byte{} && mac[0]&1 == 0
}

// sent takes what a record says about its client.
func (h *host) sent(protocol string, info []byte) {
	switch protocol {
	case "dhcp":
		h.name(hostName(said(info, "fqdn")), "dhcp")
		h.name(hostName(said(info, "host_name")), "dhcp") // set by the user, without a domain
		h.tell(identify.DHCPClass, said(info, "class"))
		h.tell(identify.DHCPFingerprint, said(info, "fingerprint"))
	case "dhcpv6":
		h.name(hostName(said(info, "fqdn")), "dhcp")
		h.tell(identify.DHCPv6Class, said(info, "class"))
	case "mdns":
		h.sentMDNS(info)
	case "ssdp":
		if said(info, "method") == "NOTIFY" {
			h.tell(identify.SSDP, said(info, "server"))
			h.tell(identify.SSDP, said(info, "nt"))
		}
	case "netbios":
		switch said(info, "operation") {
		case "registration", "refresh", "datagram":
			h.name(said(info, "name"), "netbios")
		case "session":
			h.name(said(info, "caller"), "netbios")
		}
	}
}

func (h *host) sentMDNS(info []byte) {
	if name, isLocal := strings.CutSuffix(said(info, "host_name"), ".local"); isLocal {
		h.name(name, "mdns")
	}
	if said(info, "rcode") == "" {
		return // a question
	}
	for _, service := range saidAll(info, "announced", maxEvidence) {
		h.tell(identify.MDNSService, service)
	}
	if name, isLocal := strings.CutSuffix(said(info, "query"), ".local"); isLocal && !strings.Contains(name, ".") &&
		!strings.HasPrefix(name, "_") {
		h.name(name, "mdns")
	}
}

// replied takes what a record says about its server.
func (h *host) replied(protocol string, info []byte) {
	switch protocol {
	case "ssdp":
		if said(info, "method") == "response" {
			h.tell(identify.SSDP, said(info, "server"))
			h.tell(identify.SSDP, said(info, "st"))
		}
	case "llmnr":
		if name := said(info, "query"); said(info, "rcode") != "" && !strings.Contains(name, ".") {
			h.name(name, "llmnr")
		}
	}
}

// hostName returns a name's first label.
func hostName(name string) string {
	name, _, _ = strings.Cut(name, ".")
	return name
}

// Neighbours takes the kernel's neighbours on the LAN. An address routed through another router is among them if that
// router asked in its name.
func (t *Table) Neighbours(all []topology.Neighbour, place func(netip.Addr) topology.Place, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.macs)
	for _, n := range all {
		if place(n.IP).Router.IsValid() {
			continue
		}
		t.macs[n.IP] = n.MAC
		k := key{mac: n.MAC}
		h := t.hosts[k]
		switch {
		case n.IsReachable:
			h = t.seen(k, n.IP, at, known)
		case h == nil:
			h = t.seen(k, n.IP, at, heard)
		default:
			t.address(h, n.IP, h.last)
		}
		if h == nil {
			continue
		}
		h.move(n.Interface, h.router)
		h.setRouter(h.isRouter || n.IsRouter)
	}
}
