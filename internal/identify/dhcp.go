// SPDX-License-Identifier: Apache-2.0

package identify

// dhcpFingerprints are parameter request lists (RFC 2132 §9.8). A client's source, or its packets, show which options
// it requests in which order. The weight is lower for clients that several systems share or embedded ones imitate.
var dhcpFingerprints = []rule{
	// Windows since 10, with and without domain search (119); 7 to 8.1; XP; 2000. 249 is Microsoft's number for
	// classless routes.
	{"1,3,6,15,31,33,43,44,46,47,119,121,249,252*", "windows", 85, "computer", 60},
	{"1,3,6,15,31,33,43,44,46,47,121,249,252*", "windows", 85, "computer", 60},
	{"1,15,3,6,44,46,47,31,33,121,249,43*", "windows", 80, "computer", 60},
	{"1,15,3,6,44,46,47,31,33,249,43*", "windows", 80, "computer", 60},
	{"1,15,3,6,44,46,47,31,33,43*", "windows", 65, "computer", 50},
	// Apple: 95 (LDAP) and NetBIOS (44, 46) are macOS's, though some iPads request them too.
	{"1,121,3,6,15,108,114,119,252,95,44,46*", "macos", 65, "computer", 50},
	{"1,121,3,6,15,114,119,252,95,44,46*", "macos", 75, "computer", 60},
	{"1,121,3,6,15,119,252,95,44,46*", "macos", 80, "computer", 65},
	{"1,3,6,15,119,95,252,44,46*", "macos", 80, "computer", 65},
	{"1,121,3,6,15,108,114,119,252", "ios", 75, "phone", 40},
	{"1,121,3,6,15,114,119,252", "ios", 75, "phone", 40},
	{"1,121,3,6,15,119,252", "ios", 75, "phone", 40},
	{"1,3,6,15,119,252", "ios", 65, "phone", 40},
	// Android's own client, the newest first; then its dhcpcd, up to version 5.
	{"1,3,6,15,26,28,51,58,59,43,114,108*", "android", 85, "phone", 40},
	{"1,3,6,15,26,28,51,58,59,43,108,114*", "android", 80, "phone", 40},
	{"1,3,6,15,26,28,51,58,59,43,114", "android", 85, "phone", 40},
	{"1,3,6,15,26,28,51,58,59,43", "android", 80, "phone", 35},
	{"1,3,6,15,26,28,51,58,59", "android", 40, "phone", 25}, // ChromeOS used it as well
	{"1,33,3,6,15,26,28,51,58,59", "android", 70, "phone", 40},
	{"1,33,3,6,15,28,51,58,59", "android", 70, "phone", 40},
	{"1,121,33,3,6,15,28,51,58,59,119", "android", 60, "phone", 40},
	{"1,121,33,3,6,28,51,58,59", "android", 60, "phone", 40},
	// dhcpcd as configured by Raspberry Pi OS and others; ChromeOS also requests the proxy (252).
	{"1,121,33,3,6,12,15,26,28,51,54,58,59,119,252", "chromeos", 60, "computer", 40},
	{"1,121,33,3,6,12,15,26,28,*51,54,58,59,119*", "linux", 60, "computer", 30},
	{"1,121,33,3,6,*", "linux", 45, "", 0},
	// dhclient with the configuration of Debian, and of Fedora with NetworkManager; NetworkManager's own client.
	{"1,28,2,3,15,6,119,12,44,47,26,121,42*", "linux", 70, "computer", 45},
	{"1,28,2,121,15,6,12,40,41,42,26,119,3,121,249,33,252,42*", "linux", 75, "computer", 50},
	{"1,2,6,12,15,26,28,121,3,33,40,41,42,119,249,252,17*", "linux", 80, "computer", 60},
	{"1,2,3,6,12,15,17,26,28,33,40,41,42,*119,121,249,252*", "linux", 70, "computer", 50},
	// FreeBSD's dhclient begins like ISC's, but has the routes (121) in another place.
	{"1,28,2,121,3,15,6,12,119*", "freebsd", 60, "computer", 30},
	{"1,28,2,121,3,15,6,12", "freebsd", 45, "computer", 25},
	{"1,28,2,3,15,6,12", "linux", 45, "", 0}, // ISC's defaults: also NAS and appliances
	{"1,28,2,3,15,6,12,*", "linux", 45, "", 0},
	// systemd-networkd, before and after it sorted the list.
	{"1,3,12,15,6,26,33,121*", "linux", 65, "computer", 35},
	{"1,3,12,15,6,33,121*", "linux", 65, "computer", 35},
	{"1,3,6,12,15,26,33,42*", "linux", 55, "computer", 30},
	{"1,3,6,12,15,33,42*", "linux", 50, "computer", 30},
	// BusyBox's udhcpc: routers, cameras, televisions.
	{"1,3,6,12,15,28,42*", "linux", 55, "iot", 40},
	// lwIP, above all in Espressif's modules.
	{"1,3,28,6,15,44,46,47,31,33,121,43", "", 0, "iot", 70},
	{"1,3,28,6", "", 0, "iot", 55},
	// Print servers of HP and their imitators; 66 and 67 are for boot files.
	{"6,3,1,15,66,67,13,44*", "", 0, "printer", 65},
	// Cisco: its phones and access points request 150, TFTP servers.
	{"1,66,6,3,15,150,35*", "", 0, "voip-phone", 75},
	{"1,6,15,44,3,33,150,43*", "", 0, "router", 45},
	// Boot firmware of computers: UEFI's and PXE's long list, and iPXE.
	{"1,2,3,4,5,6,12,13,15,17,18,22,23,28,40,41,42,43,50*", "", 0, "computer", 45},
	{"1,2,3,4,5,6,11,12,13,15,16,17,18,22,23,28,40*", "", 0, "computer", 45},
	{"1,3,6,7,12,15,17,*43,60,66,67,119,128*", "", 0, "computer", 45},
}

// dhcpClasses are vendor classes (RFC 2132 §9.13, RFC 8415 §21.16): a client's description of itself.
var dhcpClasses = []rule{
	{"*xbox*", "", 0, "game-console", 85},
	{"msft 5.0*", "windows", 85, "computer", 60},
	{"msft 98*", "windows", 85, "computer", 70},
	{"msft*", "windows", 75, "computer", 50},
	{"android-dhcp-*", "android", 90, "phone", 40}, // televisions and players too
	{"dhcpcd*android*", "android", 80, "phone", 40},
	{"dhcpcd-5.5.6", "android", 60, "phone", 40}, // Android 4 has this version, without the system behind it
	{"dhcpcd-5.2.10*", "android", 50, "phone", 35},
	{"dhcpcd*:linux*", "linux", 75, "", 0},
	{"dhcpcd*:freebsd*", "freebsd", 80, "computer", 40},
	{"dhcpcd*:netbsd*", "netbsd", 80, "computer", 40},
	{"dhcpcd*:openbsd*", "openbsd", 80, "computer", 40},
	{"dhcpcd*", "linux", 45, "", 0},
	{"udhcp*", "linux", 60, "iot", 40},
	{"anaconda-*", "linux", 80, "computer", 55},
	{"d-i", "linux", 80, "computer", 55}, // Debian's installer
	{"linux ipconfig*", "linux", 80, "", 0},
	{"aaplbsdpc*", "macos", 75, "computer", 75},
	{"pxeclient*", "", 0, "computer", 50},
	{"httpclient*", "", 0, "computer", 50}, // UEFI's boot over HTTP
	{"wyse*", "", 0, "computer", 60},
	{"cpqrib*", "", 0, "server", 75}, // HP's management boards
	{"*idrac*", "", 0, "server", 80},

	{"arubaap*", "", 0, "access-point", 90},
	{"arubainstantap*", "", 0, "access-point", 90},
	{"cisco ap*", "", 0, "access-point", 90},
	{"ruckus*", "", 0, "access-point", 80},
	{"aerohive*", "", 0, "access-point", 80},
	{"fortiap*", "", 0, "access-point", 85},
	{"ubnt*", "", 0, "access-point", 65},
	{"mikrotik*", "routeros", 80, "router", 70},
	{"openwrt*", "openwrt", 80, "router", 65},
	{"docsis*", "", 0, "router", 80}, // a cable modem
	{"fortinet*", "", 0, "router", 60},
	{"juniper*", "", 0, "router", 55},
	{"dslforum.org*", "", 0, "router", 50},

	{"*ip phone*", "", 0, "voip-phone", 90},
	{"cisco spa*", "", 0, "voip-phone", 80},
	{"*polycom*", "", 0, "voip-phone", 85},
	{"*yealink*", "", 0, "voip-phone", 85},
	{"*grandstream*", "", 0, "voip-phone", 80},
	{"snom*", "", 0, "voip-phone", 85},
	{"aastra*", "", 0, "voip-phone", 85},
	{"*mitel*", "", 0, "voip-phone", 80},
	{"*avaya*", "", 0, "voip-phone", 80},

	{"*jetdirect*", "", 0, "printer", 90},
	{"*laserjet*", "", 0, "printer", 90},
	{"*officejet*", "", 0, "printer", 90},
	{"*deskjet*", "", 0, "printer", 90},
	{"*typ=mfp*", "", 0, "printer", 85},
	{"*typ=printer*", "", 0, "printer", 85},
	{"*printer*", "", 0, "printer", 80},
	{"lexmark*", "", 0, "printer", 75},
	{"kyocera*", "", 0, "printer", 75},
	{"xerox*", "", 0, "printer", 75},

	{"axis,*", "", 0, "camera", 85},
	{"*network camera*", "", 0, "camera", 85},
	{"ps3", "", 0, "game-console", 80},
	{"ps4", "", 0, "game-console", 80},
	{"ps5", "", 0, "game-console", 80},
	{"*playstation*", "", 0, "game-console", 85},
	{"nintendo*", "", 0, "game-console", 85},
	{"roku*", "roku", 80, "media-player", 80},
	{"tivo*", "", 0, "media-player", 75},
	{"*bravia*", "", 0, "tv", 80},
	{"synology*", "linux", 60, "nas", 75},
	{"qnap*", "linux", 60, "nas", 75},
}
