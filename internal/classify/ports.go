// SPDX-License-Identifier: Apache-2.0

package classify

import "github.com/weirnet/weir/internal/packet"

// servicePorts lists the protocols to guess from a port when inspection finds none: assignments of the IANA service
// name registry in real use, and de-facto ports of well-known servers.
var servicePorts = map[string]struct{ tcp, udp []uint16 }{
	"afp":          {tcp: []uint16{548}},
	"ajp":          {tcp: []uint16{8009}},
	"amqp":         {tcp: []uint16{5671, 5672}},
	"bacnet":       {udp: []uint16{47808}},
	"bgp":          {tcp: []uint16{179}},
	"bfd":          {udp: []uint16{3784, 3785, 4784}}, // 3785 is echo: the sender's own bytes (RFC 5881 §4)
	"bitcoin":      {tcp: []uint16{8333}},
	"bittorrent":   {tcp: []uint16{6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889}, udp: []uint16{6881}},
	"capwap":       {udp: []uint16{5246, 5247}},
	"cassandra":    {tcp: []uint16{9042}},
	"citrix-ica":   {tcp: []uint16{1494, 2598}},
	"coap":         {udp: []uint16{5683, 5684}},
	"collectd":     {udp: []uint16{25826}},
	"dhcp":         {udp: []uint16{67, 68}},
	"dhcpv6":       {udp: []uint16{546, 547}},
	"diameter":     {tcp: []uint16{3868}},
	"dnp3":         {tcp: []uint16{20000}, udp: []uint16{20000}},
	"dns":          {tcp: []uint16{53}, udp: []uint16{53}},
	"dot":          {tcp: []uint16{853}},
	"ethernet-ip":  {tcp: []uint16{44818}, udp: []uint16{2222, 44818}},
	"fins":         {tcp: []uint16{9600}, udp: []uint16{9600}},
	"ftp":          {tcp: []uint16{21}},
	"ftp-data":     {tcp: []uint16{20}},
	"git":          {tcp: []uint16{9418}},
	"gtp-c":        {udp: []uint16{2123}},
	"gtp-u":        {udp: []uint16{2152}},
	"h323":         {tcp: []uint16{1720}},
	"hsrp":         {udp: []uint16{1985, 2029}},
	"http":         {tcp: []uint16{80, 8000, 8008, 8080, 8888}},
	"http-proxy":   {tcp: []uint16{3128}},
	"iax":          {udp: []uint16{4569}},
	"iec-104":      {tcp: []uint16{2404}},
	"ike":          {udp: []uint16{500, 4500}},
	"imap":         {tcp: []uint16{143, 993}},
	"ipp":          {tcp: []uint16{631}},
	"irc":          {tcp: []uint16{6667, 6697}},
	"iscsi":        {tcp: []uint16{860, 3260}},
	"java-rmi":     {tcp: []uint16{1099}},
	"kafka":        {tcp: []uint16{9092}},
	"kerberos":     {tcp: []uint16{88}, udp: []uint16{88}},
	"knxnet-ip":    {udp: []uint16{3671}},
	"l2tp":         {udp: []uint16{1701}},
	"ldap":         {tcp: []uint16{389, 636, 3268, 3269}, udp: []uint16{389}},
	"ldp":          {tcp: []uint16{646}, udp: []uint16{646}},
	"llmnr":        {udp: []uint16{5355}, tcp: []uint16{5355}},
	"mdns":         {udp: []uint16{5353}},
	"megaco":       {udp: []uint16{2944, 2945}},
	"memcached":    {tcp: []uint16{11211}, udp: []uint16{11211}},
	"mgcp":         {udp: []uint16{2427, 2727}},
	"modbus":       {tcp: []uint16{502}},
	"mongodb":      {tcp: []uint16{27017, 27018}},
	"mqtt":         {tcp: []uint16{1883, 8883}},
	"mysql":        {tcp: []uint16{3306}},
	"nat-pmp":      {udp: []uint16{5350, 5351}},
	"nats":         {tcp: []uint16{4222}},
	"netbios":      {tcp: []uint16{139}, udp: []uint16{137, 138}},
	"netflow":      {udp: []uint16{2055, 9995, 9996}},
	"nfs":          {tcp: []uint16{2049}, udp: []uint16{2049}},
	"nntp":         {tcp: []uint16{119, 563}},
	"nomachine":    {tcp: []uint16{4000}, udp: []uint16{4000}},
	"ntp":          {udp: []uint16{123}},
	"opc-ua":       {tcp: []uint16{4840}},
	"openvpn":      {tcp: []uint16{1194}, udp: []uint16{1194}},
	"oracle":       {tcp: []uint16{1521}},
	"pop3":         {tcp: []uint16{110, 995}},
	"postgresql":   {tcp: []uint16{5432}},
	"pptp":         {tcp: []uint16{1723}},
	"ptpv2":        {udp: []uint16{319, 320}},
	"quic":         {udp: []uint16{443}},
	"radius":       {udp: []uint16{1812, 1813, 1645, 1646, 3799}},
	"radmin":       {tcp: []uint16{4899}},
	"rdp":          {tcp: []uint16{3389}, udp: []uint16{3389}},
	"redis":        {tcp: []uint16{6379}},
	"rmcp":         {udp: []uint16{623}},
	"rpcbind":      {tcp: []uint16{111}, udp: []uint16{111}},
	"rsync":        {tcp: []uint16{873}},
	"rtmp":         {tcp: []uint16{1935}},
	"rtsp":         {tcp: []uint16{554}},
	"s7comm":       {tcp: []uint16{102}},
	"sflow":        {udp: []uint16{6343}},
	"sip":          {tcp: []uint16{5060, 5061}, udp: []uint16{5060}},
	"skinny":       {tcp: []uint16{2000}},
	"slp":          {tcp: []uint16{427}, udp: []uint16{427}},
	"smb":          {tcp: []uint16{445}},
	"smtp":         {tcp: []uint16{25, 465, 587}},
	"snmp":         {udp: []uint16{161, 162}},
	"socks":        {tcp: []uint16{1080}},
	"ssdp":         {udp: []uint16{1900}},
	"ssh":          {tcp: []uint16{22}},
	"stun":         {udp: []uint16{3478, 3479}, tcp: []uint16{3478}},
	"svn":          {tcp: []uint16{3690}},
	"syslog":       {udp: []uint16{514}, tcp: []uint16{601}},
	"tacacs-plus":  {tcp: []uint16{49}},
	"tds":          {tcp: []uint16{1433}},
	"teamviewer":   {tcp: []uint16{5938}, udp: []uint16{5938}},
	"telnet":       {tcp: []uint16{23}},
	"teredo":       {udp: []uint16{3544}},
	"tftp":         {udp: []uint16{69}},
	"tls":          {tcp: []uint16{443, 8443}},
	"vnc":          {tcp: []uint16{5900, 5901}},
	"vxlan":        {udp: []uint16{4789}},
	"whois":        {tcp: []uint16{43}},
	"wireguard":    {udp: []uint16{51820}},
	"ws-discovery": {udp: []uint16{3702}},
	"x11":          {tcp: []uint16{6000}},
	"xdmcp":        {udp: []uint16{177}},
	"xmpp":         {tcp: []uint16{5222, 5223, 5269}},
	"zabbix":       {tcp: []uint16{10050, 10051}},
}

// byPort is the inverse of servicePorts: [0] TCP, [1] UDP.
var byPort = func() (m [2]map[uint16]string) {
	m[0], m[1] = map[uint16]string{}, map[uint16]string{}
	for name, ports := range servicePorts {
		for _, p := range ports.tcp {
			m[0][p] = name
		}
		for _, p := range ports.udp {
			m[1][p] = name
		}
	}
	return m
}()

// ProtocolByPort returns the usual protocol at a port of an IP protocol, "" if none is.
func ProtocolByPort(ipProtocol uint8, port uint16) string {
	switch ipProtocol {
	case packet.ProtoTCP:
		return byPort[0][port]
	case packet.ProtoUDP, packet.ProtoUDPLite:
		return byPort[1][port]
	}
	return ""
}

// Carrier returns the protocol whose dissector recognises the protocol name: name itself, unless it travels inside
// another; "" if the protocol may look like noise.
func Carrier(name string) string {
	switch name {
	case "http-proxy", "ipp":
		return "http"
	case "bittorrent": // message stream encryption imitates noise
		return ""
	}
	return name
}

// protocolNumbers names the IP protocols without ports that have one meaning in IANA's registry of protocol numbers.
// The number decides, even if the packet is malformed.
var protocolNumbers = [256]string{
	1: "icmp", 2: "igmp", 4: "ipip", 8: "egp", 41: "6in4", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah", 58: "icmpv6",
	88: "eigrp", 89: "ospf", 97: "etherip", 103: "pim", 108: "ipcomp", 112: "vrrp", 113: "pgm", 115: "l2tp",
	124: "isis", 135: "mobility", 137: "mpls", 138: "manet", 139: "hip", 140: "shim6", 143: "ethernet",
}

// ProtocolByNumber returns the protocol that an IP protocol number alone names, "" if it names none.
func ProtocolByNumber(ipProtocol uint8) string { return protocolNumbers[ipProtocol] }
