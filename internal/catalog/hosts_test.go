// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strings"
	"testing"
)

// famousHosts are host names that many people's devices resolve, each with its application.
const famousHosts = `
www.google.com google
www.google.co.uk google
www.gstatic.com google
lh3.googleusercontent.com google
oauth2.googleapis.com google-services
clients4.google.com google-services
mtalk.google.com google-push
www.youtube.com youtube
rr3---sn-4g5edn6k.googlevideo.com youtube
i.ytimg.com youtube
yt3.ggpht.com youtube
youtubei.googleapis.com youtube
music.youtube.com youtube-music
mail.google.com gmail
imap.gmail.com gmail
drive.google.com google-drive
docs.google.com google-docs
maps.googleapis.com google-maps
meet.google.com google-meet
chat.google.com google-chat
classroom.google.com google-classroom
play.googleapis.com google-play
update.googleapis.com google-chrome-update
googleads.g.doubleclick.net google-ads
pagead2.googlesyndication.com google-ads
www.google-analytics.com google-analytics
www.googletagmanager.com google-analytics
storage.googleapis.com google-cloud
dns.google google-dns
gemini.google.com google-gemini
firebaselogging-pa.googleapis.com firebase
settings.crashlytics.com firebase|crashlytics
www.waze.com waze
www.facebook.com facebook
scontent-fra3-1.xx.fbcdn.net facebook
graph.facebook.com facebook
edge-chat.facebook.com facebook-messenger
www.messenger.com facebook-messenger
i.instagram.com instagram
scontent.cdninstagram.com instagram
www.threads.net threads
g.whatsapp.net whatsapp
mmg.whatsapp.net whatsapp
web.whatsapp.com whatsapp
www.apple.com apple
is1-ssl.mzstatic.com apple
gateway.icloud.com icloud
p42-content.icloud.com icloud
cvws.icloud-content.com icloud
mask.icloud.com icloud-private-relay
mask-h2.icloud.com icloud-private-relay
1-courier.push.apple.com apple-push
apps.apple.com app-store
play.itunes.apple.com apple-music
itunes.apple.com itunes
tv.apple.com apple-tv-plus
guzzoni.apple.com siri
mesu.apple.com apple-software-update
gspe1-ssl.ls.apple.com apple-maps
captive.apple.com apple-connectivity-check
www.microsoft.com microsoft
login.live.com microsoft
login.microsoftonline.com microsoft-365
contoso.sharepoint.com microsoft-365
outlook.office365.com outlook
outlook.live.com outlook
onedrive.live.com onedrive
teams.microsoft.com microsoft-teams
api.skype.com skype
download.windowsupdate.com windows-update
au.download.windowsupdate.com windows-update
tlu.dl.delivery.mp.microsoft.com windows-update
www.msftconnecttest.com windows-connectivity-check
myapp.azurewebsites.net azure
xsts.auth.xboxlive.com xbox
www.bing.com bing
www.linkedin.com linkedin
media.licdn.com linkedin
api.minecraftservices.com minecraft
www.amazon.de amazon
m.media-amazon.com amazon
mybucket.s3.eu-central-1.amazonaws.com amazon-aws
d111111abcdef8.cloudfront.net amazon-aws
atv-ps-eu.primevideo.com prime-video
s3.ll.dash.row.aiv-cdn.net prime-video
avs-alexa-4-na.amazon.com alexa
aax-eu.amazon-adsystem.com amazon-ads
usher.ttvnw.net twitch
www.twitch.tv twitch
www.imdb.com imdb
ipv4-c001-fra001-ix.1.oca.nflxvideo.net netflix
api-global.netflix.com netflix
occ-0-1068-1722.1.nflxso.net netflix
bam.nr-data.net new-relic
vod-bgc-eu-west-1.media.dssott.com disney-plus
www.hulu.com hulu
play.max.com hbo
vod-adaptive.akamaized.net akamai
player.vimeo.com vimeo
www.dailymotion.com dailymotion
api.dazn.com dazn
zattoo.com zattoo
plex.tv plex
www.tiktok.com tiktok
v16-webapp.tiktokcdn-eu.com tiktok
api.douyin.com douyin
x.com twitter
abs.twimg.com twitter
t.co twitter
www.reddit.com reddit
i.redd.it reddit
i.pinimg.com pinterest
app.snapchat.com snapchat
cf-st.sc-cdn.net snapchat
www.tumblr.com tumblr
mastodon.social mastodon
bsky.app bluesky
m.vk.com vk
sun9-1.userapi.com vk
ok.ru odnoklassniki
yandex.ru yandex
mc.yandex.ru yandexmetrika
an.yandex.ru yandexdirect
music.yandex.ru yandexmusic
mail.yandex.ru yandexmail
www.baidu.com baidu
weixin.qq.com wechat
short.weixin.qq.com wechat
im.qq.com qq
v.qq.com tencentvideo
weibo.com weibo
www.sina.com.cn sina
www.iqiyi.com iqiyi
www.bilibili.com bilibili
www.taobao.com taobao
gw.alicdn.com alibaba
www.aliyun.com alibaba-cloud
api.io.mi.com xiaomi
store.hispace.hicloud.com huawei
discord.com discord
gateway.discord.gg discord
pluto.web.telegram.org telegram
t.me telegram
chat.signal.org signal
g.threema.ch|ds.g.threema.ch threema
legy.line-apps.com line
www.viber.com viber
slack.com slack
wss-primary.slack.com slack
us04web.zoom.us zoom
idbroker.webex.com webex
global.gotomeeting.com goto
open.spotify.com spotify
audio-fa.scdn.co spotify
e-cdns-images.dzcdn.net deezer
api.soundcloud.com soundcloud
sp-pr-fa.audio.tidal.com tidal
ws.audioscrobbler.com last-fm
store.steampowered.com steam
cache1-fra1.steamcontent.com steam
www.dota2.com dota2
launcher-public-service-prod06.ol.epicgames.com epic-games
eu.battle.net blizzard
lol.secure.dyn.riotcdn.net riot-games
www.roblox.com roblox
gs2.ww.prod.dl.playstation.net playstation
atum.hac.lp1.d4c.nintendo.net nintendo
accounts.ea.com electronic-arts
www.ebay.de ebay
i.ebayimg.com ebay
de.aliexpress.com aliexpress
www.etsy.com etsy
www.paypal.com paypal
api.stripe.com stripe
www.dropbox.com dropbox
dl.dropboxusercontent.com dropbox
api.github.com github
raw.githubusercontent.com github
gitlab.com gitlab
registry-1.docker.io docker
registry.npmjs.org npm
files.pythonhosted.org pypi
stackoverflow.com stack-overflow
chatgpt.com openai
api.openai.com openai
claude.ai anthropic
api.anthropic.com anthropic
en.wikipedia.org wikipedia
upload.wikimedia.org wikipedia
archive.org internet-archive
cdnjs.cloudflare.com cloudflare
cloudflare-dns.com cloudflare-dns
dns.quad9.net quad9
doh.opendns.com opendns
abcdef.dns.nextdns.io nextdns
dns.adguard-dns.com adguard-dns
api.nordvpn.com nordvpn
api.protonvpn.ch protonvpn
mail.proton.me proton-mail
am.i.mullvad.net mullvad
controlplane.tailscale.com tailscale
router12.teamviewer.com teamviewer
relay-4e1a2b3c.net.anydesk.com anydesk
bidder.criteo.com criteo
trc.taboola.com taboola
ib.adnxs.com microsoft-ads
static.hotjar.com hotjar
o123.ingest.sentry.io sentry
archive.ubuntu.com ubuntu
detectportal.firefox.com connectivity-check
firefox.settings.services.mozilla.com mozilla
0.pool.ntp.org ntp-pool
www.speedtest.net ookla
www.bbc.co.uk bbc
www.nytimes.com nytimes
edition.cnn.com cnn
api.accuweather.com accuweather
www.booking.com booking
a0.muscache.com airbnb
cn-geo1.uber.com uber
www.tinder.com tinder
badoo.com badoo
www.bet365.com bet365
www.coursera.org coursera
www.duolingo.com duolingo
www.binance.com binance
api.coinbase.com coinbase
www.pornhub.com pornhub
ei.phncdn.com pornhub
www.xvideos.com xvideos
su.ff.avast.com avast
update.eset.com eset
r3.o.lencr.org lets-encrypt
ocsp.digicert.com digicert
api.smartthings.com smartthings
discovery.meethue.com philips-hue
a1.tuyaeu.com tuya
wap.tplinkcloud.com tp-link
owner-api.teslamotors.com tesla
connect.garmin.com garmin
www.indeed.com indeed
wolt.com doordash
www.strava.com strava
`

func TestFamousHosts(t *testing.T) {
	c := builtin(t)
	categories := map[string]bool{}
	rows := 0
	for line := range strings.Lines(famousHosts) {
		hosts, ids, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		for host := range strings.SplitSeq(hosts, "|") {
			rows++
			app, found := c.ByHost([]byte(host))
			if !found || !strings.Contains("|"+ids+"|", "|"+app.ID+"|") {
				got := ""
				if found {
					got = app.ID
				}
				t.Errorf("%s is %q, want %q", host, got, ids)
				continue
			}
			categories[app.Category] = true
		}
	}
	if rows < 150 {
		t.Errorf("%d rows, want at least 150", rows)
	}
	for _, cat := range c.Categories() {
		if !categories[cat.ID] {
			t.Errorf("no famous host of category %s", cat.ID)
		}
	}
}

func TestHostsOfNobody(t *testing.T) {
	c := builtin(t)
	for _, host := range []string{
		"www.example.com", "example.org", "localhost", "printer.local", "1.168.192.in-addr.arpa", "com", "co.uk",
		"notgoogle.com",
		"netflix.com.evil.example", "xn--ggle-55da.com", "google.com.", "facebook", "_dns.resolver.arpa", "wpad",
		"mail", "host",
	} {
		if got := hostID(c, host); got != "" {
			t.Errorf("%s is %q, want nobody's", host, got)
		}
	}
}
