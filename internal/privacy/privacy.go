// SPDX-License-Identifier: Apache-2.0

// Package privacy takes out of records and devices what shall not leave the gateway: it leaves flows out, and replaces
// addresses by pseudonyms, which only the gateway's key turns back.
package privacy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/weirnet/weir/internal/record"
)

// Config says what shall not leave. The zero value lets everything pass.
type Config struct {
	OmitNetworks []netip.Prefix // flows with an end in one of them, and devices
	OmitDevices  []string       // MAC addresses: flows with that end or an address of it, and the devices
	OmitHosts    []string       // names, with all below them: flows that name them anywhere
	Addresses    Addresses
	HostNames    HostNames
	// MaskGateway replaces the gateway's own addresses, those of NAT included, by 0.0.0.0 and ::.
	MaskGateway bool
	OmitFields  []string // of Fields, or the names of protocols whose findings are left out
}

// Addresses says which addresses become pseudonyms.
type Addresses string

// Which addresses become pseudonyms. MAC addresses do so with those of the LAN.
const (
	PlainAddresses Addresses = "plain"
	PseudonymLAN   Addresses = "lan" // the LAN's, and the gateway's
	PseudonymAll   Addresses = "all" // all but those of groups
)

// HostNames says what remains of host names.
type HostNames string

// What remains of host names.
const (
	FullNames   HostNames = "full"
	DomainNames HostNames = "domain" // the registered domain
	NoNames     HostNames = "off"
)

// Fields are those that OmitFields may name, besides protocols.
var Fields = []string{"community_id", "interface", "vlan", "mac", "origin", "process", "nat", "conntrack", "hostname",
	"tunnel", "risks"}

// Filter applies a Config. It is not safe for concurrent use. A nil Filter lets everything pass.
type Filter struct {
	config  Config
	devices map[[6]byte]bool
	macs    [][]byte // the devices' addresses as records write them
	hosts   [][]byte // in lower case
	omit    map[string]bool
	crypt   *ipcrypt
	hidden  cipher.Block // of MAC addresses
	ids     cipher.Block
	known   map[netip.Addr]netip.Addr
	of      MACs // nil: unknown
	out     record.Flow
	process record.Process // of out
	info    []byte
	name    []byte
}

// KeySize is the length of the key, in bytes.
const KeySize = 32

// New returns a filter; nil if the configuration lets everything pass. The key makes the pseudonyms: the same key gives
// the same ones.
func New(c Config, key []byte) (*Filter, error) {
	f := &Filter{config: c, devices: map[[6]byte]bool{}, omit: map[string]bool{}, known: map[netip.Addr]netip.Addr{}}
	for _, text := range c.OmitDevices {
		mac, err := net.ParseMAC(text)
		if err != nil || len(mac) != 6 {
			return nil, fmt.Errorf("%q is no MAC address, such as 00:00:5e:00:53:01", text)
		}
		f.devices[[6]byte(mac)] = true
		f.macs = append(f.macs, []byte(mac.String()))
	}
	for _, host := range c.OmitHosts {
		if host = strings.ToLower(strings.Trim(host, "*. ")); host != "" {
			f.hosts = append(f.hosts, []byte(host))
		}
	}
	for _, field := range c.OmitFields {
		f.omit[field] = true
	}
	if !f.config.filters() {
		return nil, nil
	}
	return f, f.setKey(key)
}

// MACs returns the MAC addresses that an address belongs to, as far as the gateway knows: by the kernel's neighbours,
// and by what was sent from it. See hosts.Table.MACs.
type MACs func(netip.Addr) (neighbour, sender [6]byte)

// SetMACs makes the filter treat all addresses of a device alike, also in flows that do not have its MAC address.
func (f *Filter) SetMACs(of MACs) {
	if f != nil {
		f.of = of
	}
}

// filters reports whether the configuration takes anything out.
func (c *Config) filters() bool {
	return len(c.OmitNetworks)+len(c.OmitDevices)+len(c.OmitHosts)+len(c.OmitFields) > 0 || c.hides()
}

// hides reports whether a text may hold something that is hidden.
func (c *Config) hides() bool { return c.pseudonyms() || c.cutsNames() || c.MaskGateway }

func (c *Config) cutsNames() bool { return c.HostNames == DomainNames || c.HostNames == NoNames }

func (c *Config) pseudonyms() bool { return c.Addresses == PseudonymLAN || c.Addresses == PseudonymAll }

// setKey derives a key for each use.
func (f *Filter) setKey(key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("the key for pseudonyms has %d bytes, not %d", len(key), KeySize)
	}
	keys, err := hkdf.Key(sha256.New, key, nil, "weir privacy 1", 64)
	if err != nil {
		return err
	}
	if f.crypt, err = newIPCrypt([32]byte(keys)); err != nil {
		return err
	}
	if f.hidden, err = aes.NewCipher(keys[32:48]); err != nil {
		return err
	}
	f.ids, err = aes.NewCipher(keys[48:])
	return err
}

// Flow returns the record without what shall not leave, nil if nothing of it may. It is valid until the next call.
func (f *Filter) Flow(r *record.Flow) *record.Flow {
	if f == nil {
		return r
	}
	if f.isOmitted(r) {
		return nil
	}
	f.out = *r
	o := &f.out
	isChanged := f.end(&o.Client)
	isChanged = f.end(&o.Server) || isChanged
	if o.NAT != (record.NAT{}) {
		isChanged = true
		o.NAT.Client = f.translated(o.NAT.Client)
		o.NAT.Server = f.translated(o.NAT.Server)
	}
	if isChanged { // both are hashes of the addresses, which a search through all of them would find
		o.CommunityID = nil
		f.hideID(o)
	}
	f.hideProcess(o)
	f.hostname(o)
	o.Info = f.findings(o.Info)
	f.fields(o)
	return o
}

// isOmitted reports whether nothing of a flow may leave.
func (f *Filter) isOmitted(r *record.Flow) bool {
	for _, end := range [...]*record.Endpoint{&r.Client, &r.Server} {
		if f.devices[end.MAC] || f.omits(end.Addr.Addr()) {
			return true
		}
	}
	if f.omits(r.NAT.Client.Addr()) || f.omits(r.NAT.Server.Addr()) {
		return true
	}
	return f.namesOmitted(r.Hostname) || len(r.Info) > 0 && f.namesOmitted(r.Info)
}

// omits reports whether an address is in an omitted network, or belongs to an omitted device.
func (f *Filter) omits(a netip.Addr) bool { return f.config.omits(a) || f.isOfOmitted(a) }

// isOfOmitted reports whether an address belongs to an omitted device.
func (f *Filter) isOfOmitted(a netip.Addr) bool {
	if len(f.devices) == 0 || f.of == nil || !a.IsValid() {
		return false
	}
	neighbour, sender := f.of(a)
	return f.devices[neighbour] || f.devices[sender]
}

// isOfDevice reports whether an address belongs to a device of the LAN.
func (f *Filter) isOfDevice(a netip.Addr) bool {
	if f.of == nil || !a.IsValid() {
		return false
	}
	neighbour, sender := f.of(a)
	return neighbour != [6]byte{} || sender != [6]byte{}
}

func (c *Config) omits(a netip.Addr) bool {
	for _, network := range c.OmitNetworks {
		if network.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// end replaces the addresses of an end, and reports whether it did.
func (f *Filter) end(e *record.Endpoint) bool {
	isOurs := e.Side == record.SideLAN || e.Side == record.SideGateway
	was := e.Addr
	switch {
	case f.config.MaskGateway && e.Side == record.SideGateway:
		e.Addr = netip.AddrPortFrom(unspecified(was.Addr()), was.Port())
	case f.config.Addresses == PseudonymAll,
		f.config.Addresses == PseudonymLAN && (isOurs || f.isOfDevice(was.Addr())):
		e.Addr = netip.AddrPortFrom(f.pseudonym(was.Addr()), was.Port())
	}
	if e.Addr != was {
		e.Origin = nil // it tells of the address
	}
	if f.config.pseudonyms() {
		e.MAC = f.mac(e.MAC)
	}
	return e.Addr != was
}

// translated replaces an address of NAT, which is the gateway's.
func (f *Filter) translated(a netip.AddrPort) netip.AddrPort {
	switch {
	case !a.IsValid():
		return a
	case f.config.MaskGateway:
		return netip.AddrPortFrom(unspecified(a.Addr()), a.Port())
	case f.config.pseudonyms():
		return netip.AddrPortFrom(f.pseudonym(a.Addr()), a.Port())
	}
	return a
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Unmap().Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// maxKnown bounds the pseudonyms that a filter remembers; each takes up to 256 AES blocks to make.
const maxKnown = 1 << 14

// pseudonym returns an address's pseudonym. Groups and unspecified addresses are nobody's.
func (f *Filter) pseudonym(a netip.Addr) netip.Addr {
	if !a.IsValid() || a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return a
	}
	p, ok := f.known[a]
	if !ok {
		if len(f.known) >= maxKnown {
			clear(f.known)
		}
		p = f.crypt.encrypt(a.WithZone(""))
		f.known[a] = p
	}
	return p
}

// mac returns a MAC address's pseudonym, which is locally administered (IEEE 802, clause 8.2).
func (f *Filter) mac(m [6]byte) [6]byte {
	if m == ([6]byte{}) || m[0]&1 != 0 { // unknown, or a group's
		return m
	}
	var block [aes.BlockSize]byte
	copy(block[:], m[:])
	f.hidden.Encrypt(block[:], block[:])
	copy(m[:], block[:])
	m[0] = m[0]&^1 | 2
	return m
}

// hideID replaces the flow's identity by its pseudonym.
func (f *Filter) hideID(o *record.Flow) {
	var block [aes.BlockSize]byte
	if _, err := hex.Decode(block[:], o.ID[:]); err != nil {
		sum := sha256.Sum256(o.ID[:])
		copy(block[:], sum[:])
	}
	f.ids.Encrypt(block[:], block[:])
	hex.Encode(o.ID[:], block[:])
}

// hideProcess takes out of the process what may have a hidden name or address in it: systemd names the units of a
// socket by the addresses of its connections, and paths lead through the folders of users.
func (f *Filter) hideProcess(o *record.Flow) {
	if o.Process == nil || !f.config.hides() {
		return
	}
	f.process = *o.Process
	f.process.Executable, f.process.Unit = "", ""
	o.Process = &f.process
}

// hostname cuts the host name.
func (f *Filter) hostname(o *record.Flow) {
	switch f.config.HostNames {
	case NoNames:
		o.Hostname = nil
	case DomainNames:
		o.Hostname = f.domain(o.Hostname)
	}
	if len(o.Hostname) == 0 {
		o.HostnameMethod = 0
	}
}

// domain returns the registered domain of a host name, "" for an address or a name without one.
func (f *Filter) domain(host []byte) []byte {
	name := strings.TrimSuffix(string(host), ".")
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return nil
	}
	f.name = append(f.name[:0], domain...)
	return f.name
}

// fields takes the omitted fields out.
func (f *Filter) fields(o *record.Flow) {
	if f.omit["community_id"] {
		o.CommunityID = nil
	}
	if f.omit["interface"] {
		o.Interface = ""
	}
	if f.omit["vlan"] {
		o.VLANs = nil
	}
	if f.omit["mac"] {
		o.Client.MAC, o.Server.MAC = [6]byte{}, [6]byte{}
	}
	if f.omit["origin"] {
		o.Client.Origin, o.Server.Origin = nil, nil
	}
	if f.omit["process"] {
		o.Process = nil
	}
	if f.omit["nat"] {
		o.NAT = record.NAT{}
	}
	if f.omit["conntrack"] {
		o.Conntrack = record.Conntrack{}
	}
	if f.omit["hostname"] {
		o.Hostname, o.HostnameMethod = nil, 0
	}
	if f.omit["tunnel"] {
		o.Tunnels = nil
	}
	if f.omit["risks"] {
		o.Risks = 0
	}
}
