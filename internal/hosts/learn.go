// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"bytes"
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

// Flow learns from a record that has its sides. place says how an address of the LAN is reached.
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
	if client && r.Client.Packets > 0 {
		c = t.end(&r.Client, r, place, at)
	}
	if server && r.Server.Packets > 0 {
		s = t.end(&r.Server, r, place, at)
	}
	t.learn(r, c, s, at)
}

// end is the device at one end of a flow; nil where it isn't known yet which one that is.
func (t *Table) end(e *record.Endpoint, r *record.Flow, place func(netip.Addr) topology.Place, at time.Time) *host {
	addr := e.Addr.Addr()
	if addr.IsUnspecified() { // it asks for an address: the messages themselves say who it is
		return nil
	}
	way := place(addr)
	if way.Router.IsValid() {
		h := t.seen(key{addr: addr}, addr, at)
		h.router, h.link = way.Router, way.Interface
		return h
	}
	mac, known := t.macs[addr]
	if !known && e == &r.Client && (way.Interface == "" || way.Interface == r.Interface) {
		mac = e.MAC // of a frame that the device sent into its own link
	}
	if mac == ([6]byte{}) {
		if h := t.byAddr[addr]; h != nil {
			return t.seen(h.key, addr, at)
		}
		return nil
	}
	h := t.seen(key{mac: mac}, addr, at)
	h.link = r.Interface
	if way.Interface != "" {
		h.link = way.Interface
	}
	return h
}

// facts are what dissectors say of devices: members of a record's JSON.
type facts struct {
	DHCP, DHCPv6 struct {
		Type        string `json:"message_type"`
		MAC         string `json:"client_mac"`
		HostName    string `json:"host_name"`
		FQDN        string `json:"fqdn"`
		Class       string `json:"class"`
		Fingerprint string `json:"fingerprint"`
	}
	DNS struct {
		Query     string   `json:"query"`
		RCode     string   `json:"rcode"`
		Announced []string `json:"announced"`
		HostName  string   `json:"host_name"`
	}
	SSDP struct {
		Method string `json:"method"`
		Server string `json:"server"`
		NT     string `json:"nt"`
		ST     string `json:"st"`
	}
	NetBIOS struct {
		Name      string `json:"name"`
		Operation string `json:"operation"`
		Caller    string `json:"caller"`
	}
}

// telling are the protocols whose records say something of the devices.
var telling = map[string]bool{
	"dhcp": true, "dhcpv6": true, "mdns": true, "llmnr": true, "ssdp": true, "netbios": true,
}

// said is the value of a text member of an info, of which there is one: what is frequent is not worth reading all of it. Within a text
// a quotation mark has a backslash before it, so no text of others passes for a member.
func said(info []byte, member string) string {
	name := []byte(`"` + member + `":"`)
	at := bytes.Index(info, name)
	if at < 0 {
		return ""
	}
	value := info[at+len(name)-1:] // with its first quotation mark
	end := bytes.IndexByte(value[1:], '"')
	if end < 0 {
		return ""
	}
	if plain := value[1 : 1+end]; bytes.IndexByte(plain, '\\') < 0 {
		return string(plain)
	}
	var text string
	if json.NewDecoder(bytes.NewReader(value)).Decode(&text) != nil {
		return ""
	}
	return text
}

// learn takes what a record's own protocol says of its ends, of which either may be nil.
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
	var f facts
	text := make([]byte, 0, len(r.Info)+2)
	if json.Unmarshal(append(append(append(text, '{'), r.Info...), '}'), &f) != nil {
		return
	}
	if r.Protocol == "dhcp" {
		client = t.dhcpClient(&f, client, r, at)
	}
	f.ofClient(r.Protocol, client)
	f.ofServer(r.Protocol, server)
}

// dhcpClient is the device that a DHCP message is of: its sender may have no address yet.
func (t *Table) dhcpClient(f *facts, client *host, r *record.Flow, at time.Time) *host {
	mac, ok := parseMAC(f.DHCP.MAC)
	if !ok || f.DHCP.Type == "offer" || f.DHCP.Type == "ack" {
		return client
	}
	h := t.seen(key{mac: mac}, r.Client.Addr.Addr(), at)
	h.link = r.Interface
	return h
}

// parseMAC reads the address of one card.
func parseMAC(text string) (mac [6]byte, ok bool) {
	b, err := net.ParseMAC(text)
	if err != nil || len(b) != len(mac) {
		return mac, false
	}
	mac = [6]byte(b)
	return mac, mac != [6]byte{} && mac[0]&1 == 0
}

func (f *facts) ofClient(protocol string, h *host) {
	if h == nil {
		return
	}
	switch protocol {
	case "dhcp":
		h.name(hostName(f.DHCP.FQDN), "dhcp")
		h.name(hostName(f.DHCP.HostName), "dhcp") // the user's own, without a domain
		h.tell(identify.DHCPClass, f.DHCP.Class)
		h.tell(identify.DHCPFingerprint, f.DHCP.Fingerprint)
	case "dhcpv6":
		h.name(hostName(f.DHCPv6.FQDN), "dhcp")
		h.tell(identify.DHCPv6Class, f.DHCPv6.Class)
	case "mdns":
		if name, isLocal := strings.CutSuffix(f.DNS.HostName, ".local"); isLocal {
			h.name(name, "mdns")
		}
		if f.DNS.RCode == "" {
			return // it asks
		}
		for _, service := range f.DNS.Announced {
			h.tell(identify.MDNSService, service)
		}
		if name, isLocal := strings.CutSuffix(f.DNS.Query, ".local"); isLocal && !strings.Contains(name, ".") && !strings.HasPrefix(name, "_") {
			h.name(name, "mdns")
		}
	case "ssdp":
		if f.SSDP.Method == "NOTIFY" {
			h.tell(identify.SSDP, f.SSDP.Server)
			h.tell(identify.SSDP, f.SSDP.NT)
		}
	case "netbios":
		switch f.NetBIOS.Operation {
		case "registration", "refresh", "datagram":
			h.name(f.NetBIOS.Name, "netbios")
		case "session":
			h.name(f.NetBIOS.Caller, "netbios")
		}
	}
}

func (f *facts) ofServer(protocol string, h *host) {
	if h == nil {
		return
	}
	switch {
	case protocol == "ssdp" && f.SSDP.Method == "response":
		h.tell(identify.SSDP, f.SSDP.Server)
		h.tell(identify.SSDP, f.SSDP.ST)
	case protocol == "llmnr" && f.DNS.RCode != "" && !strings.Contains(f.DNS.Query, "."):
		h.name(f.DNS.Query, "llmnr")
	}
}

// hostName is a name's first label, where there is more.
func hostName(name string) string {
	name, _, _ = strings.Cut(name, ".")
	return name
}

// Neighbours takes in the kernel's table of neighbours on the LAN. An address that a route by another router is for is in it where that
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
		if h == nil || n.IsReachable {
			h = t.seen(k, n.IP, at)
		} else {
			t.address(h, n.IP, h.last)
		}
		h.link = n.Interface
		h.isRouter = h.isRouter || n.IsRouter
	}
}
