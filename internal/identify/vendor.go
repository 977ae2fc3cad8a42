// SPDX-License-Identifier: Apache-2.0

package identify

// vendors are organisations in the IEEE's registry of address blocks. Makers of many kinds of devices reveal nothing:
// Apple, Samsung, Google, HP and Sony have no rule.
var vendors = []rule{
	// Printers.
	{"canon inc*", "", 0, "printer", 50},
	{"brother industries*", "", 0, "printer", 70},
	{"seiko epson*", "", 0, "printer", 65},
	{"kyocera document*", "", 0, "printer", 75},
	{"kyocera*", "", 0, "printer", 45},
	{"lexmark*", "", 0, "printer", 75},
	{"xerox*", "", 0, "printer", 65},
	{"ricoh*", "", 0, "printer", 60},
	{"konica minolta*", "", 0, "printer", 70},
	{"oki electric*", "", 0, "printer", 50},
	{"zebra technologies*", "", 0, "printer", 40},

	// Cameras.
	{"*hikvision*", "linux", 35, "camera", 70},
	{"zhejiang dahua*", "linux", 35, "camera", 70},
	{"axis communications*", "linux", 45, "camera", 70},
	{"reolink*", "", 0, "camera", 75},
	{"hanwha*", "", 0, "camera", 60},
	{"vivotek*", "", 0, "camera", 75},
	{"mobotix*", "", 0, "camera", 75},
	{"amcrest*", "", 0, "camera", 70},
	{"foscam*", "", 0, "camera", 70},
	{"ring llc*", "", 0, "camera", 55},
	{"wyze*", "", 0, "camera", 50},
	{"arlo technolog*", "", 0, "camera", 65},

	// Storage, servers, virtual machines.
	{"synology*", "linux", 60, "nas", 75},
	{"qnap*", "linux", 55, "nas", 75},
	{"asustor*", "linux", 55, "nas", 75},
	{"western digital*", "", 0, "nas", 40},
	{"super micro*", "", 0, "server", 60},
	{"vmware*", "", 0, "vm", 75},
	{"qemu*", "", 0, "vm", 75},
	{"*proxmox*", "", 0, "vm", 70},
	{"parallels*", "", 0, "vm", 70},
	{"xensource*", "", 0, "vm", 70},
	{"pcs systemtechnik*", "", 0, "vm", 65}, // VirtualBox
	{"pcs computer systems*", "", 0, "vm", 60},

	// Computers.
	{"raspberry pi*", "linux", 65, "computer", 35},
	{"dell", "", 0, "computer", 45},
	{"dell *", "", 0, "computer", 45},
	{"intel corporate*", "", 0, "computer", 45},
	{"micro-star*", "", 0, "computer", 50},
	{"giga-byte*", "", 0, "computer", 50},
	{"asrock*", "", 0, "computer", 50},
	{"asustek*", "", 0, "computer", 30}, // and routers
	{"lcfc*", "", 0, "computer", 50},    // makes for Lenovo
	{"wistron info*", "", 0, "computer", 40},
	{"framework computer*", "", 0, "computer", 60},
	{"microsoft*", "windows", 40, "computer", 35}, // and consoles, and virtual machines

	// Phones and watches.
	{"oneplus*", "android", 60, "phone", 60},
	{"motorola mobility*", "android", 60, "phone", 60},
	{"*oppo mobile*", "android", 60, "phone", 60},
	{"vivo mobile*", "android", 60, "phone", 60},
	{"realme*", "android", 60, "phone", 60},
	{"fairphone*", "android", 60, "phone", 65},
	{"huawei device*", "", 0, "phone", 40},
	{"fitbit*", "", 0, "watch", 60},
	{"garmin*", "", 0, "watch", 45},

	// Players, televisions, consoles.
	{"sonos", "linux", 45, "speaker", 85},
	{"sonos, inc*", "linux", 45, "speaker", 85},
	{"bose corp*", "", 0, "speaker", 65},
	{"bang & olufsen*", "", 0, "speaker", 60},
	{"harman*", "", 0, "speaker", 35},
	{"d&m holdings*", "", 0, "speaker", 50},
	{"yamaha corp*", "", 0, "speaker", 40},
	{"roku*", "roku", 70, "media-player", 70},
	{"tivo*", "", 0, "media-player", 70},
	{"amazon technologies*", "", 0, "media-player", 30},
	{"vizio*", "", 0, "tv", 65},
	{"hisense electric*", "", 0, "tv", 50},
	{"hisense visual*", "", 0, "tv", 65},
	{"tcl king*", "", 0, "tv", 50},
	{"shenzhen tcl*", "", 0, "tv", 45},
	{"lg electronics*", "", 0, "tv", 30},
	{"nintendo*", "", 0, "game-console", 85},
	{"sony interactive*", "", 0, "game-console", 80},
	{"valve corp*", "linux", 50, "game-console", 60},

	// Network.
	{"ubiquiti*", "linux", 35, "access-point", 50},
	{"ruckus*", "", 0, "access-point", 65},
	{"aruba*", "", 0, "access-point", 55},
	{"cisco meraki*", "", 0, "access-point", 50},
	{"meraki*", "", 0, "access-point", 50},
	{"cambium*", "", 0, "access-point", 60},
	{"aerohive*", "", 0, "access-point", 60},
	{"cisco-linksys*", "", 0, "router", 50},
	{"linksys*", "", 0, "router", 45},
	{"cisco systems*", "", 0, "router", 35},
	{"juniper networks*", "", 0, "router", 50},
	{"fortinet*", "", 0, "router", 60},
	{"routerboard*", "routeros", 70, "router", 60},
	{"mikrotik*", "routeros", 70, "router", 60},
	{"avm gmbh*", "linux", 40, "router", 60},
	{"netgear*", "", 0, "router", 45},
	{"zyxel*", "", 0, "router", 50},
	{"d-link*", "", 0, "router", 40},
	{"tp-link*", "", 0, "router", 30}, // and plugs and cameras
	{"sagemcom*", "", 0, "router", 45},
	{"technicolor*", "", 0, "router", 45},
	{"arcadyan*", "", 0, "router", 45},
	{"arris*", "", 0, "router", 45},

	// Telephones.
	{"yealink*", "", 0, "voip-phone", 75},
	{"polycom*", "", 0, "voip-phone", 70},
	{"snom*", "", 0, "voip-phone", 75},
	{"grandstream*", "", 0, "voip-phone", 60},
	{"gigaset*", "", 0, "voip-phone", 55},
	{"mitel*", "", 0, "voip-phone", 55},
	{"aastra*", "", 0, "voip-phone", 60},
	{"avaya*", "", 0, "voip-phone", 50},

	// Things, and makers of the modules in them.
	{"espressif*", "", 0, "iot", 70},
	{"tuya*", "", 0, "iot", 75},
	{"shelly*", "", 0, "iot", 75},
	{"allterco*", "", 0, "iot", 75},
	{"philips lighting*", "", 0, "iot", 75},
	{"signify*", "", 0, "iot", 75},
	{"lumi united*", "", 0, "iot", 70},
	{"nest labs*", "", 0, "iot", 60},
	{"ecobee*", "", 0, "iot", 75},
	{"irobot*", "", 0, "iot", 75},
	{"*roborock*", "", 0, "iot", 75},
	{"*ecovacs*", "", 0, "iot", 70},
	{"lifi labs*", "", 0, "iot", 75},
	{"nanoleaf*", "", 0, "iot", 75},
	{"ikea*", "", 0, "iot", 65},
	{"dyson*", "", 0, "iot", 65},
	{"withings*", "", 0, "iot", 65},
	{"belkin*", "", 0, "iot", 35},
	{"silicon lab*", "", 0, "iot", 45},
	{"texas instruments*", "", 0, "iot", 40},
	{"microchip*", "", 0, "iot", 35},
}
