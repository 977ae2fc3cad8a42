// SPDX-License-Identifier: Apache-2.0

package identify

import "strings"

// mdnsServices are service types (RFC 6763 §7) that devices announce. All of Apple's systems announce _companion-link
// and _device-info, so these have no rule.
var mdnsServices = []rule{
	// Printers. Computers share theirs as _ipp and _printer.
	{"_ipp._tcp", "", 0, "printer", 60},
	{"_ipps._tcp", "", 0, "printer", 60},
	{"_printer._tcp", "", 0, "printer", 55},
	{"_pdl-datastream._tcp", "", 0, "printer", 75},
	{"_scanner._tcp", "", 0, "printer", 65},
	{"_uscan._tcp", "", 0, "printer", 70},
	{"_uscans._tcp", "", 0, "printer", 70},
	{"_privet._tcp", "", 0, "printer", 55},

	// Players of sound and pictures. Computers and televisions receive AirPlay too.
	{"_airplay._tcp", "", 0, "media-player", 45},
	{"_raop._tcp", "", 0, "media-player", 40},
	{"_appletv-v2._tcp", "tvos", 80, "media-player", 75},
	{"_mediaremotetv._tcp", "tvos", 75, "media-player", 70},
	{"_touch-able._tcp", "tvos", 45, "media-player", 55},
	{"_homekit._tcp", "", 0, "media-player", 40}, // hubs: Apple TV and HomePod
	{"_sleep-proxy._udp", "", 0, "media-player", 30},
	{"_googlecast._tcp", "", 0, "media-player", 65},
	{"_googlezone._tcp", "", 0, "media-player", 50},
	{"_androidtvremote._tcp", "android", 80, "tv", 75},
	{"_androidtvremote2._tcp", "android", 80, "tv", 75},
	{"_amzn-wplay._tcp", "android", 50, "media-player", 60},
	{"_amzn-alexa._tcp", "", 0, "speaker", 55},
	{"_samsungmsf._tcp", "tizen", 60, "tv", 75},
	{"_viziocast._tcp", "", 0, "tv", 80},
	{"_philipstv_rpc._tcp", "", 0, "tv", 80},
	{"_spotify-connect._tcp", "", 0, "media-player", 50},
	{"_sonos._tcp", "linux", 50, "speaker", 90},
	{"_soundtouch._tcp", "", 0, "speaker", 85},
	{"_musc._tcp", "", 0, "speaker", 70},
	{"_heos-audio._tcp", "", 0, "speaker", 75},
	{"_linkplay._tcp", "", 0, "speaker", 75},
	{"_mpd._tcp", "linux", 40, "media-player", 45},
	{"_xbmc-jsonrpc._tcp", "", 0, "media-player", 50},
	{"_xbmc-jsonrpc-h._tcp", "", 0, "media-player", 50},
	{"_tivo-remote._tcp", "", 0, "media-player", 80},
	{"_tivo-videos._tcp", "", 0, "media-player", 75},
	{"_nvstream_dbd._tcp", "android", 60, "media-player", 60}, // Shield
	{"_nvstream._tcp", "windows", 40, "computer", 60},

	// Phones and tablets.
	{"_apple-mobdev._tcp", "ios", 75, "phone", 45},
	{"_apple-mobdev2._tcp", "ios", 75, "phone", 45},
	{"_remotepairing._tcp", "ios", 55, "phone", 35},
	{"_adb._tcp", "android", 65, "", 0},
	{"_adb-tls-connect._tcp", "android", 75, "phone", 45},
	{"_adb-tls-pairing._tcp", "android", 75, "phone", 45},

	// Computers and storage.
	{"_workstation._tcp", "linux", 60, "computer", 45}, // Avahi's
	{"_udisks-ssh._tcp", "linux", 70, "computer", 50},
	{"_ssh._tcp", "", 0, "computer", 40},
	{"_sftp-ssh._tcp", "", 0, "computer", 40},
	{"_smb._tcp", "", 0, "computer", 40},
	{"_rfb._tcp", "macos", 35, "computer", 50},
	{"_eppc._tcp", "macos", 80, "computer", 75},
	{"_net-assistant._udp", "macos", 80, "computer", 75},
	{"_afpovertcp._tcp", "macos", 35, "computer", 40},
	{"_adisk._tcp", "", 0, "nas", 50},
	{"_nfs._tcp", "", 0, "server", 35},
	{"_webdav._tcp", "", 0, "server", 30},
	{"_webdavs._tcp", "", 0, "server", 30},
	{"_qdiscover._tcp", "linux", 60, "nas", 85},
	{"_readynas._tcp", "linux", 60, "nas", 85},
	{"_plexmediasvr._tcp", "", 0, "server", 50},
	{"_home-assistant._tcp", "linux", 55, "server", 55},
	{"_teamviewer._tcp", "", 0, "computer", 50},
	{"_distcc._tcp", "linux", 50, "computer", 55},

	// Cameras, lamps, sensors, bridges. Hubs for Thread are often speakers or players.
	{"_axis-video._tcp", "linux", 55, "camera", 90},
	{"_rtsp._tcp", "", 0, "camera", 55},
	{"_psia._tcp", "", 0, "camera", 75},
	{"_onvif._tcp", "", 0, "camera", 70},
	{"_hap._tcp", "", 0, "iot", 65},
	{"_hap._udp", "", 0, "iot", 70},
	{"_matter._tcp", "", 0, "iot", 65},
	{"_matterc._udp", "", 0, "iot", 75},
	{"_meshcop._udp", "", 0, "iot", 45},
	{"_trel._udp", "", 0, "iot", 40},
	{"_hue._tcp", "", 0, "iot", 85},
	{"_shelly._tcp", "", 0, "iot", 90},
	{"_esphomelib._tcp", "", 0, "iot", 90},
	{"_wled._tcp", "", 0, "iot", 90},
	{"_elg._tcp", "", 0, "iot", 85},
	{"_nanoleafapi._tcp", "", 0, "iot", 85},
	{"_nanoleafms._tcp", "", 0, "iot", 85},
	{"_dyson_mqtt._tcp", "", 0, "iot", 85},
	{"_ewelink._tcp", "", 0, "iot", 85},
	{"_miio._udp", "", 0, "iot", 80},
	{"_octoprint._tcp", "linux", 60, "iot", 45},

	{"_airport._tcp", "", 0, "access-point", 80},
	{"_riousbprint._tcp", "", 0, "router", 50}, // base stations with a printer attached
}

// serviceType returns the last pair of labels that forms a service type: the instance's name before it may hold any
// text, even dots.
func serviceType(name string) string {
	for end := len(name); end > 0; {
		dot := strings.LastIndexByte(name[:end], '.')
		if dot < 0 {
			break
		}
		if label := name[dot+1 : end]; label == "_tcp" || label == "_udp" {
			return name[strings.LastIndexByte(name[:dot], '.')+1 : end]
		}
		end = dot
	}
	return ""
}
