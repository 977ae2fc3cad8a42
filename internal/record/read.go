// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/packet"
)

// MaxLine bounds a line that Read takes, in bytes.
const MaxLine = 1 << 20

// Read sets the record from its JSON, which AppendJSON or a program of another version wrote. A value of an enumeration
// that this version does not know reads as the zero value; members that it does not know become part of Info. The
// record keeps nothing of line.
func (f *Flow) Read(line []byte) error {
	if len(line) > MaxLine {
		return fmt.Errorf("a record of %d bytes; %d are allowed", len(line), MaxLine)
	}
	*f = Flow{}
	var kind string
	err := members(line, func(name string, value json.RawMessage) error {
		if name == "type" {
			return json.Unmarshal(value, &kind)
		}
		return f.member(name, value)
	})
	switch {
	case err != nil:
		return fmt.Errorf("no flow record: %w", err)
	case kind != "flow":
		return fmt.Errorf("no flow record: its type is %q", kind)
	case f.ID == [32]byte{}:
		return errors.New("no flow record: it has no id")
	case !f.Client.Addr.Addr().IsValid() || !f.Server.Addr.Addr().IsValid():
		return errors.New("no flow record: an end has no address")
	case f.FirstSeen == 0 || f.LastSeen == 0:
		return errors.New("no flow record: first_seen or last_seen is missing")
	}
	return nil
}

// members calls each with the members of an object, in their order.
func members(object []byte, each func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("this is no JSON object"), err)
	}
	for d.More() {
		name, err := d.Token() // the decoder ensures that it is a string
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := each(name.(string), value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows the object")
	}
	return nil
}

func (f *Flow) member(name string, value json.RawMessage) error {
	switch name {
	case "schema":
		return nil
	case "id":
		return readID(value, &f.ID)
	case "community_id":
		return readBytes(value, &f.CommunityID)
	case "state":
		return readEnumeration(value, stateTexts[:], &f.State)
	case "end_reason":
		return readEnumeration(value, endReasonTexts[:], &f.EndReason)
	case "interface":
		return json.Unmarshal(value, &f.Interface)
	case "vlan":
		return json.Unmarshal(value, &f.VLANs)
	case "ip_version":
		return json.Unmarshal(value, &f.IPVersion)
	case "ip_proto":
		return readProto(value, &f.Proto)
	case "client":
		return f.Client.read(value)
	case "server":
		return f.Server.read(value)
	case "first_seen":
		return readTime(value, &f.FirstSeen)
	case "last_seen":
		return readTime(value, &f.LastSeen)
	case "direction":
		return readEnumeration(value, directionTexts[:], &f.Direction)
	case "nat":
		return f.NAT.read(value)
	case "conntrack":
		f.Conntrack.IsTracked = true
		return f.Conntrack.read(value)
	case "offloaded":
		return json.Unmarshal(value, &f.Conntrack.IsOffloaded)
	case "risks":
		return f.Risks.read(value)
	case "tcp":
		return f.readRoundTrips(value)
	case "process":
		return f.readProcess(value)
	}
	return f.verdict(name, value)
}

// verdict reads a member of the verdict, or a dissector's findings.
func (f *Flow) verdict(name string, value json.RawMessage) error {
	switch name {
	case "protocol":
		return json.Unmarshal(value, &f.Protocol)
	case "application":
		return json.Unmarshal(value, &f.Application)
	case "category":
		return json.Unmarshal(value, &f.Category)
	case "hostname":
		return readBytes(value, &f.Hostname)
	case "hostname_method":
		return readEnumeration(value, hostnameMethodTexts[:], &f.HostnameMethod)
	case "method":
		return readEnumeration(value, methodTexts[:], &f.Method)
	case "application_method":
		return readEnumeration(value, applicationMethodTexts[:], &f.ApplicationMethod)
	case "tunnel":
		return f.readTunnels(value)
	}
	if len(f.Info) > 0 {
		f.Info = append(f.Info, ',')
	}
	one, err := compact(value)
	f.Info = append(append(AppendText(f.Info, name), ':'), one...)
	return err
}

// compact returns a value on one line.
func compact(value json.RawMessage) ([]byte, error) {
	var one bytes.Buffer
	err := json.Compact(&one, value)
	return one.Bytes(), err
}

func (f *Flow) readTunnels(value json.RawMessage) error {
	var names []string
	if err := json.Unmarshal(value, &names); err != nil {
		return err
	}
	for _, name := range names {
		if t, ok := packet.TunnelOf(name); ok {
			f.Tunnels = append(f.Tunnels, t)
		}
	}
	return nil
}

func (e *Endpoint) read(value json.RawMessage) error {
	var read struct {
		IP             netip.Addr
		Port           uint16
		MAC, Side      string
		ASN            uint32
		ASName         string `json:"as_name"`
		Country        string
		Packets, Bytes uint64
		health
	}
	if err := json.Unmarshal(value, &read); err != nil {
		return err
	}
	e.Health = read.health.health()
	e.Addr = netip.AddrPortFrom(read.IP, read.Port)
	e.Packets, e.Bytes = read.Packets, read.Bytes
	e.Side = Side(max(slices.Index(sideTexts[:], read.Side), 0))
	if o := (Origin{read.ASN, read.ASName, read.Country}); o != (Origin{}) {
		e.Origin = &o
	}
	if read.MAC == "" {
		return nil
	}
	mac, err := net.ParseMAC(read.MAC)
	if err != nil || copy(e.MAC[:], mac) != len(mac) {
		return fmt.Errorf("%q is no MAC address", read.MAC)
	}
	return nil
}

func (n *NAT) read(value json.RawMessage) error {
	var read struct {
		Kind       string
		ClientIP   netip.Addr `json:"client_ip"`
		ClientPort uint16     `json:"client_port"`
		ServerIP   netip.Addr `json:"server_ip"`
		ServerPort uint16     `json:"server_port"`
	}
	if err := json.Unmarshal(value, &read); err != nil {
		return err
	}
	n.Kind = NATKind(max(slices.Index(natKindTexts[:], read.Kind), 0))
	n.Client = netip.AddrPortFrom(read.ClientIP, read.ClientPort)
	n.Server = netip.AddrPortFrom(read.ServerIP, read.ServerPort)
	return nil
}

func (c *Conntrack) read(value json.RawMessage) error {
	var read struct {
		ID, Mark uint32
		Zone     uint16
	}
	err := json.Unmarshal(value, &read)
	c.ID, c.Mark, c.Zone = read.ID, read.Mark, read.Zone
	return err
}

func (s *Risks) read(value json.RawMessage) error {
	var slugs []string
	if err := json.Unmarshal(value, &slugs); err != nil {
		return err
	}
	for _, slug := range slugs {
		if i := slices.IndexFunc(risks[:], func(r RiskInfo) bool { return r.Slug == slug }); i >= 0 {
			s.Add(Risk(i))
		}
	}
	return nil
}

// readEnumeration sets what has the text, the zero value if nothing has.
func readEnumeration[T ~uint8](value json.RawMessage, texts []string, to *T) error {
	var text string
	err := json.Unmarshal(value, &text)
	*to = T(max(slices.Index(texts, text), 0))
	return err
}

func readBytes(value json.RawMessage, to *[]byte) error {
	var text string
	err := json.Unmarshal(value, &text)
	*to = []byte(text)
	return err
}

func readID(value json.RawMessage, to *[32]byte) error {
	var text []byte
	if err := readBytes(value, &text); err != nil {
		return err
	}
	var half [16]byte
	if len(text) != len(to) {
		return fmt.Errorf("%q is no id of a flow", text)
	}
	if _, err := hex.Decode(half[:], text); err != nil {
		return fmt.Errorf("%q is no id of a flow", text)
	}
	copy(to[:], text)
	return nil
}

func readProto(value json.RawMessage, to *uint8) error {
	var name string
	if err := json.Unmarshal(value, &name); err != nil {
		return err
	}
	proto, ok := packet.ProtoOf(name)
	if !ok {
		return fmt.Errorf("%q is no IP protocol", name)
	}
	*to = proto
	return nil
}

func readTime(value json.RawMessage, to *int64) error {
	var t time.Time
	if err := json.Unmarshal(value, &t); err != nil {
		return err
	}
	if year := t.Year(); year < 1970 || year > 2261 {
		return fmt.Errorf("%s is a time that no record has", t)
	}
	*to = t.UnixNano()
	return nil
}
