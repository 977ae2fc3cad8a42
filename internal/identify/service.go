// SPDX-License-Identifier: Apache-2.0

package identify

// openServices are ports at which a device answered. Ports common to every system (80, 443) have no rule.
var openServices = []rule{
	{"tcp/9100", "", 0, "printer", 50}, // raw printing
	{"tcp/515", "", 0, "printer", 40},
	{"tcp/631", "", 0, "printer", 35},
	{"tcp/22", "", 0, "computer", 25},
	{"tcp/135", "windows", 50, "computer", 45},
	{"tcp/139", "", 0, "computer", 25},
	{"tcp/445", "windows", 25, "computer", 35},
	{"tcp/3389", "windows", 50, "computer", 50},
	{"tcp/5985", "windows", 50, "computer", 45},
	{"tcp/548", "", 0, "computer", 25},
	{"tcp/3283", "macos", 40, "computer", 40},
	{"udp/3283", "macos", 40, "computer", 40},
	{"tcp/5900", "", 0, "computer", 30},
	{"tcp/88", "", 0, "server", 30},
	{"tcp/389", "", 0, "server", 30},
	{"tcp/25", "", 0, "server", 35},
	{"tcp/2049", "", 0, "server", 35},
	{"tcp/3260", "", 0, "server", 35}, // iSCSI
	{"tcp/3306", "", 0, "server", 35},
	{"tcp/5432", "", 0, "server", 35},
	{"tcp/902", "esxi", 35, "server", 35},
	{"tcp/8006", "linux", 35, "server", 35}, // Proxmox
	{"tcp/554", "", 0, "camera", 40},
	{"tcp/37777", "", 0, "camera", 55}, // Dahua
	{"tcp/5060", "", 0, "voip-phone", 35},
	{"udp/5060", "", 0, "voip-phone", 35},
	{"tcp/5061", "", 0, "voip-phone", 30},
	{"tcp/8009", "", 0, "media-player", 45}, // Google Cast
	{"tcp/8008", "", 0, "media-player", 30},
	{"tcp/7000", "", 0, "media-player", 30}, // AirPlay
	{"tcp/8060", "roku", 30, "media-player", 35},
	{"tcp/1400", "", 0, "speaker", 50},      // Sonos
	{"tcp/3689", "", 0, "media-player", 30}, // DAAP
	{"tcp/6466", "android", 45, "tv", 45},   // Android TV's remote control
	{"tcp/6467", "android", 40, "tv", 40},
	{"tcp/3001", "webos", 25, "tv", 25},
	{"tcp/8002", "tizen", 25, "tv", 30},
	{"tcp/9295", "", 0, "game-console", 40}, // PlayStation's remote play
	{"tcp/62078", "ios", 65, "phone", 45},   // lockdownd
	{"tcp/5555", "android", 35, "", 0},      // adb
	{"tcp/6053", "", 0, "iot", 50},          // ESPHome
	{"udp/6668", "", 0, "iot", 30},
	{"tcp/6668", "", 0, "iot", 45},    // Tuya
	{"tcp/9999", "", 0, "iot", 30},    // TP-Link's plugs
	{"udp/5540", "", 0, "iot", 45},    // Matter
	{"udp/54321", "", 0, "iot", 50},   // miIO
	{"udp/56700", "", 0, "iot", 55},   // LIFX
	{"tcp/8123", "", 0, "server", 30}, // Home Assistant
	{"tcp/8291", "routeros", 55, "router", 50},
	{"tcp/8728", "routeros", 45, "router", 40},
	{"tcp/7547", "", 0, "router", 40}, // TR-069
	{"udp/67", "", 0, "router", 40},
	{"udp/53", "", 0, "router", 25},
	{"tcp/53", "", 0, "router", 20},
	{"udp/5246", "", 0, "router", 35}, // CAPWAP: a controller of access points
	{"tcp/179", "", 0, "router", 40},
}
