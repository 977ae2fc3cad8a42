// SPDX-License-Identifier: Apache-2.0

package netifyd

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/weirnet/weir/internal/record"
)

// envelope is a message about a flow.
type envelope struct {
	Type      string `json:"type"`
	Interface string `json:"interface"`
	Internal  bool   `json:"internal"`
	// Established: the other side gets the flow during its life, not as a list at the start of the connection.
	Established *bool  `json:"established,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Flow        any    `json:"flow"`
}

// counters are the part of a flow that flow_stats and flow_purge consist of.
type counters struct {
	Digest           string   `json:"digest"`
	DigestPrev       []string `json:"digest_prev"`
	LastSeenAt       int64    `json:"last_seen_at"`
	LocalBytes       uint64   `json:"local_bytes"`
	LocalPackets     uint64   `json:"local_packets"`
	LocalRate        uint64   `json:"local_rate"`
	OtherBytes       uint64   `json:"other_bytes"`
	OtherPackets     uint64   `json:"other_packets"`
	OtherRate        uint64   `json:"other_rate"`
	TotalBytes       uint64   `json:"total_bytes"`
	TotalPackets     uint64   `json:"total_packets"`
	DetectionPackets int      `json:"detection_packets"`
}

// count sets the counts: those of a flow since the last time, within so many nanoseconds, and its totals.
func (c *counters) count(f *record.Flow, since record.Counts, within int64) {
	c.LocalBytes, c.LocalPackets = since.ClientBytes, since.ClientPackets
	c.OtherBytes, c.OtherPackets = since.ServerBytes, since.ServerPackets
	if !isClientLocal(f) {
		c.LocalBytes, c.OtherBytes = c.OtherBytes, c.LocalBytes
		c.LocalPackets, c.OtherPackets = c.OtherPackets, c.LocalPackets
	}
	c.LocalRate, c.OtherRate = rate(c.LocalBytes, within), rate(c.OtherBytes, within)
	c.TotalBytes = f.Client.Bytes + f.Server.Bytes
	c.TotalPackets = f.Client.Packets + f.Server.Packets
}

// rate returns bytes a second.
func rate(bytes uint64, within int64) uint64 {
	const second = 1e9
	return uint64(float64(bytes) * second / float64(max(within, second)))
}

// flow is a flow as the message flow describes it.
type flow struct {
	counters
	IPVersion     uint8    `json:"ip_version"`
	IPProtocol    uint8    `json:"ip_protocol"`
	VLAN          uint16   `json:"vlan_id"`
	LocalIP       string   `json:"local_ip"`
	LocalPort     uint16   `json:"local_port"`
	LocalMAC      string   `json:"local_mac"`
	LocalOrigin   bool     `json:"local_origin"`
	OtherIP       string   `json:"other_ip"`
	OtherPort     uint16   `json:"other_port"`
	OtherMAC      string   `json:"other_mac"`
	OtherType     string   `json:"other_type"`
	NAT           bool     `json:"ip_nat"`
	DSCP          uint8    `json:"ip_dscp"`
	TCP           *tcpInfo `json:"tcp,omitempty"`
	CTID          uint32   `json:"ct_id,omitempty"`
	CTMark        uint32   `json:"ct_mark,omitempty"`
	Conntrack     *tracked `json:"conntrack,omitempty"`
	FirstSeenAt   int64    `json:"first_seen_at"`
	FirstUpdateAt int64    `json:"first_update_at"`

	Protocol         uint32   `json:"detected_protocol"`
	ProtocolName     string   `json:"detected_protocol_name"`
	Application      uint32   `json:"detected_application"`
	ApplicationName  string   `json:"detected_application_name"`
	Category         category `json:"category"`
	IsGuessed        bool     `json:"detection_guessed"`
	DetectionUpdated bool     `json:"detection_updated"`
	HostServerName   string   `json:"host_server_name"`
	DNSHostName      string   `json:"dns_host_name"`
	DHCHit           bool     `json:"dhc_hit"`
	FHCHit           bool     `json:"fhc_hit"`
	SoftDissector    bool     `json:"soft_dissector"`
	AppIPOverride    bool     `json:"app_ip_override"`
	AppProtoTwins    bool     `json:"app_proto_twins"`

	SSL  *ssl        `json:"ssl,omitempty"`
	HTTP *httpInfo   `json:"http,omitempty"`
	DHCP *dhcpInfo   `json:"dhcp,omitempty"`
	SSH  *sshInfo    `json:"ssh,omitempty"`
	BT   *btInfo     `json:"bt,omitempty"`
	MDNS *mdnsInfo   `json:"mdns,omitempty"`
	SSDP *ssdpInfo   `json:"ssdp,omitempty"`
	STUN *stunInfo   `json:"stun,omitempty"`
	Weir *additional `json:"weir"`
}

// tcpInfo is the health of a TCP flow, of both ends together.
type tcpInfo struct {
	Resets      uint32 `json:"resets"`
	Retransmits uint64 `json:"retrans"`
	OutOfOrder  uint64 `json:"seq_errors"`
}

// tcpOf returns the health of a flow, nil if it is unknown.
func tcpOf(f *record.Flow) *tcpInfo {
	client, server := &f.Client.Health, &f.Server.Health
	if client.Flags|server.Flags == 0 { // no TCP, or unknown
		return nil
	}
	return &tcpInfo{Resets: uint32(client.Resets) + uint32(server.Resets),
		Retransmits: uint64(client.Retransmits) + uint64(server.Retransmits),
		OutOfOrder:  uint64(client.OutOfOrder) + uint64(server.OutOfOrder)}
}

// tracked is the entry of connection tracking.
type tracked struct {
	ID           uint32 `json:"id"`
	Mark         uint32 `json:"mark"`
	ReplySrcIP   string `json:"reply_src_ip"`
	ReplySrcPort uint16 `json:"reply_src_port"`
	ReplyDstIP   string `json:"reply_dst_ip"`
	ReplyDstPort uint16 `json:"reply_dst_port"`
}

// category has the numbers of categories, which weir has none of: they are 0, and the name is in additional.
type category struct {
	Application int `json:"application"`
	Domain      int `json:"domain"`
	Overlay     int `json:"overlay"`
	Protocol    int `json:"protocol"`
}

// additional has what the Netify agent has no member for, in weir's own words.
type additional struct {
	CommunityID       string   `json:"community_id,omitempty"`
	Direction         string   `json:"direction"`
	Protocol          string   `json:"protocol,omitempty"`
	Application       string   `json:"application,omitempty"`
	Category          string   `json:"category,omitempty"`
	Method            string   `json:"method"`
	ApplicationMethod string   `json:"application_method,omitempty"`
	Risks             []string `json:"risks,omitempty"`
}

// describe makes the message of a flow.
func (t *Translator) describe(f *record.Flow) *flow {
	local, other := &f.Client, &f.Server
	if !isClientLocal(f) {
		local, other = other, local
	}
	m := &flow{IPVersion: f.IPVersion, IPProtocol: f.Proto,
		LocalIP: local.Addr.Addr().String(), LocalPort: local.Addr.Port(), LocalMAC: mac(local.MAC),
		LocalOrigin: local == &f.Client, OtherIP: other.Addr.Addr().String(), OtherPort: other.Addr.Port(),
		OtherMAC: mac(other.MAC), OtherType: otherType(f, other), NAT: f.NAT.Kind != record.NATNone,
		DSCP: f.Client.Health.DSCP, TCP: tcpOf(f),
		FirstSeenAt: milliseconds(f.FirstSeen), FirstUpdateAt: milliseconds(f.FirstSeen),
		IsGuessed: f.Method.IsGuess(), HostServerName: string(f.Hostname),
		Weir: &additional{CommunityID: string(f.CommunityID), Direction: f.Direction.String(), Protocol: f.Protocol,
			Application: f.Application, Category: f.Category, Method: f.Method.String(),
			ApplicationMethod: f.ApplicationMethod.String(), Risks: risks(f)}}
	m.Digest, m.DigestPrev, m.LastSeenAt = string(f.ID[:]), []string{}, milliseconds(f.LastSeen)
	m.count(f, f.Counts(), f.LastSeen-f.FirstSeen)
	if n := len(f.VLANs); n > 0 {
		m.VLAN = f.VLANs[n-1]
	}
	m.Protocol, m.ProtocolName = protocolOf(f.Protocol)
	if f.Application != "" {
		m.Application, m.ApplicationName = ownID(f.Application), t.Prefix+f.Application
	}
	if f.HostnameMethod == record.HostnameByDNS {
		m.DNSHostName, m.DHCHit = m.HostServerName, true
	}
	m.track(f)
	m.metadata(f)
	return m
}

// isClientLocal reports which end is the local one: that of the LAN or the gateway; the client if both are, or neither.
func isClientLocal(f *record.Flow) bool {
	return isInside(&f.Client) || !isInside(&f.Server)
}

// isInside reports whether an end is on the LAN or is the gateway. Without a known side a private address is.
func isInside(e *record.Endpoint) bool {
	switch e.Side {
	case record.SideLAN, record.SideGateway:
		return true
	case record.SideUnknown:
		a := e.Addr.Addr().Unmap()
		return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback()
	}
	return false
}

// isInternal reports whether a flow is one of the LAN's, in place of the role of the interface: weir has one record for
// both interfaces that a forwarded flow passes.
func isInternal(f *record.Flow) bool {
	isLAN := func(e *record.Endpoint) bool { return e.Side != record.SideGateway && isInside(e) }
	return isLAN(&f.Client) || isLAN(&f.Server)
}

// otherType names the kind of the other end.
func otherType(f *record.Flow, other *record.Endpoint) string {
	switch a := other.Addr.Addr(); {
	case other.Side == record.SideMulticast, f.Direction == record.DirectionMulticast, a.IsMulticast():
		return "multicast"
	case other.Side == record.SideBroadcast, f.Direction == record.DirectionBroadcast,
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "broadcast"
	case isInside(other):
		return "local"
	case !a.IsValid() || a.IsUnspecified():
		return "unknown"
	}
	return "remote"
}

// track sets what connection tracking knows. The reply's source is the server's own address, and its destination the
// address under which the server knows the client.
func (m *flow) track(f *record.Flow) {
	if !f.Conntrack.IsTracked {
		return
	}
	m.CTID, m.CTMark = f.Conntrack.ID, f.Conntrack.Mark
	client := f.Client.Addr
	if f.NAT.Kind != record.NATNone && f.NAT.Client.Addr().IsValid() {
		client = f.NAT.Client
	}
	m.Conntrack = &tracked{ID: f.Conntrack.ID, Mark: f.Conntrack.Mark,
		ReplySrcIP: f.Server.Addr.Addr().String(), ReplySrcPort: f.Server.Addr.Port(),
		ReplyDstIP: client.Addr().String(), ReplyDstPort: client.Port()}
}

func mac(m [6]byte) string { return string(record.AppendMAC(nil, m)) }

// risks names the risks of a flow.
func risks(f *record.Flow) (names []string) {
	for i, r := range record.RiskList() {
		if f.Risks.Has(record.Risk(i)) {
			names = append(names, r.Slug)
		}
	}
	return names
}

// ssl is what a TLS or QUIC handshake tells.
type ssl struct {
	Version      string   `json:"version"`
	CipherSuite  string   `json:"cipher_suite"`
	ClientSNI    string   `json:"client_sni,omitempty"`
	ServerCN     string   `json:"server_cn,omitempty"`
	Organization string   `json:"organization,omitempty"`
	IssuerDN     string   `json:"issuer_dn,omitempty"`
	SubjectDN    string   `json:"subject_dn,omitempty"`
	ClientJA3    string   `json:"client_ja3,omitempty"`
	ServerJA3    string   `json:"server_ja3,omitempty"`
	ClientJA4    string   `json:"client_ja4,omitempty"`
	Fingerprint  string   `json:"fingerprint,omitempty"`
	ALPN         []string `json:"alpn,omitempty"`
	ALPNServer   []string `json:"alpn_server,omitempty"`
	EncryptedCH  string   `json:"encrypted_ch_version,omitempty"`
}

type httpInfo struct {
	UserAgent string `json:"user_agent"`
	URL       string `json:"url"`
}

type dhcpInfo struct {
	Fingerprint string `json:"fingerprint"`
	ClassIdent  string `json:"class_ident"`
}

type sshInfo struct {
	Client string `json:"client,omitempty"`
	Server string `json:"server,omitempty"`
}

type btInfo struct {
	InfoHash string `json:"info_hash"`
}

type mdnsInfo struct {
	Answer string `json:"answer"`
}

type ssdpInfo struct {
	UserAgent string `json:"user_agent"`
}

type stunInfo struct {
	Mapped  string `json:"mapped"`
	Other   string `json:"other"`
	Peer    string `json:"peer"`
	Relayed string `json:"relayed,omitempty"`
}

// findings are those of weir's dissectors that the Netify agent has members for.
type findings struct {
	TLS *struct {
		Version, SNI, JA3, JA3S, JA4, Cipher string
		ALPN                                 []string
		ALPNSelected                         string `json:"alpn_selected"`
		CertificateSubject                   string `json:"certificate_subject"`
		CertificateOrganization              string `json:"certificate_organization"`
		CertificateIssuer                    string `json:"certificate_issuer"`
		CertificateIssuerOrganization        string `json:"certificate_issuer_organization"`
		CertificateSHA1                      string `json:"certificate_sha1"`
		ECH                                  bool
	}
	HTTP *struct {
		Host, Path string
		UserAgent  string `json:"user_agent"`
	}
	DHCP *struct{ Fingerprint, Class string }
	SSH  *struct {
		ClientVersion string `json:"client_version"`
		ServerVersion string `json:"server_version"`
	}
	BitTorrent *struct {
		InfoHash string `json:"info_hash"`
	}
	DNS *struct {
		Answers []string
		Host    string `json:"host_name"`
	}
	SSDP *struct {
		UserAgent string `json:"user_agent"`
	}
	STUN *struct {
		Mapped  string `json:"mapped_address"`
		Relayed string `json:"relayed_address"`
	}
}

// metadata sets what the dissectors have found. A member of another type than weir writes leaves out all of them.
func (m *flow) metadata(f *record.Flow) {
	var in findings
	if len(f.Info) == 0 || json.Unmarshal(append(append([]byte{'{'}, f.Info...), '}'), &in) != nil {
		return
	}
	if s := in.TLS; s != nil {
		m.SSL = &ssl{Version: tlsVersion(s.Version), CipherSuite: cipherSuite(s.Cipher), ClientSNI: s.SNI,
			ServerCN: s.CertificateSubject, Organization: s.CertificateOrganization,
			IssuerDN:  distinguished(s.CertificateIssuer, s.CertificateIssuerOrganization),
			SubjectDN: distinguished(s.CertificateSubject, s.CertificateOrganization),
			ClientJA3: s.JA3, ServerJA3: s.JA3S, ClientJA4: s.JA4, Fingerprint: s.CertificateSHA1, ALPN: s.ALPN}
		if s.ALPNSelected != "" {
			m.SSL.ALPNServer = []string{s.ALPNSelected}
		}
		if s.ECH {
			m.SSL.EncryptedCH = "0xfe0d" // the extension that weir looks at
		}
	}
	if h := in.HTTP; h != nil {
		m.HTTP = &httpInfo{UserAgent: h.UserAgent, URL: h.Host + h.Path}
	}
	if d := in.DHCP; d != nil {
		m.DHCP = &dhcpInfo{d.Fingerprint, d.Class}
	}
	if s := in.SSH; s != nil {
		m.SSH = &sshInfo{s.ClientVersion, s.ServerVersion}
	}
	if b := in.BitTorrent; b != nil && b.InfoHash != "" {
		m.BT = &btInfo{strings.ToLower(b.InfoHash)}
	}
	if d := in.DNS; d != nil && f.Protocol == "mdns" && d.Host != "" {
		m.MDNS = &mdnsInfo{d.Host}
	}
	if s := in.SSDP; s != nil && s.UserAgent != "" {
		m.SSDP = &ssdpInfo{s.UserAgent}
	}
	if s := in.STUN; s != nil && s.Mapped != "" {
		m.STUN = &stunInfo{Mapped: s.Mapped, Relayed: s.Relayed}
	}
}

// distinguished joins the parts of a distinguished name that flow records have (RFC 4514).
func distinguished(name, organization string) string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `+`, `\+`, `"`, `\"`, `<`, `\<`, `>`, `\>`, `;`, `\;`)
	var parts []string
	if name != "" {
		parts = append(parts, "CN="+escape.Replace(name))
	}
	if organization != "" {
		parts = append(parts, "O="+escape.Replace(organization))
	}
	return strings.Join(parts, ",")
}
