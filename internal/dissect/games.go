// SPDX-License-Identifier: Apache-2.0

package dissect

// Games, and the libraries under them, that a single message of their own makes certain.
var (
	_ = register(Protocol{
		Name: "nintendo-pia", Spec: "NintendoClients wiki: Pia protocol, packet header", Category: "gaming",
		Over: UDP, Start: Firsts(piaMagic), MinLength: 24, Inspect: inspectPia,
	})
	_ = register(Protocol{
		Name: "yojimbo", Spec: "netcode standard: connection request packet", Category: "gaming",
		Over: UDP, Start: Of(0), MinLength: netcodeRequest, Inspect: inspectNetcode,
	})
	_ = register(Protocol{
		Name: "among-us", Spec: "Among Us protocol documentation: Hazel, hello", Category: "gaming",
		Over: UDP, Ports: []uint16{22023, 22123, 22223}, Start: Of(hazelHello), MinLength: 10, Inspect: inspectAmongUs,
	})
	_ = register(Protocol{
		Name: "minecraft", Spec: "Minecraft Java edition protocol: handshake", Category: "gaming",
		Over: TCP, Ports: []uint16{25565}, Start: Range(9, 0x7f), MinLength: 8, Inspect: inspectMinecraft,
	})
	_ = register(Protocol{
		Name: "warcraft3", Spec: "BNETDocs: W3GS protocol header", Category: "gaming",
		Over: TCP | UDP, Ports: []uint16{6112, 6113, 6119}, Start: Of(w3gsMark), MinLength: 4, Inspect: inspectW3GS,
	})
	_ = register(Protocol{
		Name: "battle-net", Spec: "BNETDocs: BNCS protocol header", Category: "gaming",
		Over: TCP, Ports: []uint16{6112}, Start: Of(1), MinLength: 5, Inspect: inspectBNCS,
	})
	_ = register(Protocol{
		Name: "world-of-warcraft", Spec: "wowdev wiki: login packets, world packets", Category: "gaming",
		Over: TCP, Ports: []uint16{3724}, Start: Of(0, 'W'), MinLength: 8, Inspect: inspectWorldOfWarcraft,
	})
)

const piaMagic = "\x32\xab\x98\x64"

// inspectPia checks the magic number and, in the next byte, whether the packet is encrypted (2) or not (1); since version 5 the
// top bit marks it and the version is in the rest.
func inspectPia(c *Conversation, r *Result) Verdict {
	b := c.Newest().Payload
	if len(b) < 5 || !hasPrefix(b, piaMagic) || b[4]&0x7f == 0 || b[4]&0x7f > 16 {
		return No
	}
	r.SetApplication("nintendo")
	return Yes
}

const (
	netcodeVersion = "\x00NETCODE 1." // packet type 0, version
	// netcodeRequest is the length of a connection request: type, version, protocol, expiry, nonce, and the private token.
	netcodeRequest = 1 + 13 + 8 + 8 + 24 + 1024
)

func inspectNetcode(c *Conversation, _ *Result) Verdict {
	const end = 13
	for i := range c.Datagrams {
		if b := c.Datagrams[i].Payload; hasPrefix(b, netcodeVersion) && len(b) > end && b[end] == 0 {
			return Yes
		}
	}
	return No
}

const hazelHello = 0x08

// inspectAmongUs checks the message that opens a connection: 8, its number (big endian), Hazel's version 0, the game's version,
// which is a date (year*25000 + month*1800 + day*50 + revision, little endian), and the player's name behind its length.
func inspectAmongUs(c *Conversation, r *Result) Verdict {
	const name, maxName, first, last = 9, 10, 2018 * 25000, 2040 * 25000
	b := c.First()
	if len(b) < name || b[0] != hazelHello || be16(b[1:]) != 1 || b[3] != 0 {
		return No
	}
	version, length := le32(b[4:]), int(b[8])
	if version < first || version > last || length == 0 || length > maxName || len(b) < name+length {
		return No
	}
	r.Object("among_us").Int("version", int64(version))
	r.SetApplication("among-us")
	return Yes
}

// inspectMinecraft checks the handshake: length, packet 0, protocol version, the server's name, its port, and what comes next:
// status, login or transfer. All numbers but the port have seven bits a byte.
func inspectMinecraft(c *Conversation, r *Result) Verdict {
	const handshake, maxVersion, snapshot, maxHostLength, lastState = 0, 4096, 1 << 30, 255, 3
	b := c.First()
	length, at := minecraftNumber(b)
	if at == 0 || len(b) < at+1 {
		return NeedMore
	}
	if length < 7 || length > maxHostLength+16 || b[at] != handshake {
		return No
	}
	if len(b) < at+length {
		return NeedMore
	}
	b = b[at+1 : at+length]
	version, size := minecraftNumber(b)
	if size == 0 || version > maxVersion && version&snapshot == 0 {
		return No
	}
	b = b[size:]
	hostLength, size := minecraftNumber(b)
	if size == 0 || hostLength == 0 || len(b) != size+hostLength+3 || b[len(b)-1] == 0 || b[len(b)-1] > lastState {
		return No
	}
	host := b[size : size+hostLength]
	for i, c := range host {
		if c == 0 {
			host = host[:i] // mod loaders put their own behind the name
			break
		}
	}
	if len(host) < 4 || !isPrintable(host) {
		return No
	}
	r.SetHost(host)
	r.Object("minecraft").Int("version", int64(version))
	return Yes
}

// minecraftNumber reads a number of seven bits a byte, the lowest first; size is 0 where it doesn't end within five bytes.
func minecraftNumber(b []byte) (n, size int) {
	for i := range min(len(b), 5) {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return n, i + 1
		}
	}
	return 0, 0
}

const w3gsMark = 0xf7

// inspectW3GS walks messages: mark, identifier, length (little endian, of all of it). Over TCP it wants two that follow one another
// or face one another; over UDP, where a message is a datagram, one of those that search for games and announce them.
func inspectW3GS(c *Conversation, _ *Result) Verdict {
	if c.Transport == UDP {
		const search, create, last = 0x2f, 0x31, 0x33
		d := c.Newest()
		b := d.Payload
		if len(b) < 8 || b[0] != w3gsMark || b[1] < search || b[1] > last || le16(b[2:]) != d.Length {
			return No
		}
		if b[1] <= create && (hasPrefix(b[4:], "3RAW") || hasPrefix(b[4:], "PX3W")) {
			return Yes
		}
		return NeedMore
	}
	messages := 0
	for _, b := range [2][]byte{c.First(), c.Second()} {
		for n := 0; n < 4 && len(b) >= 4; n++ {
			length := le16(b[2:])
			if b[0] != w3gsMark || length < 4 || b[1] == 0 || b[1] > 0x51 {
				return No
			}
			if len(b) < length {
				break
			}
			messages++
			b = b[length:]
		}
	}
	if messages >= 3 && len(c.Second()) > 0 {
		return Yes
	}
	return NeedMore
}

// inspectBNCS checks what a game client says first: the byte 1, which chooses the protocol, and SID_AUTH_INFO: 0xff, 0x50, length,
// protocol 0, platform and product, four letters each, from the last to the first.
func inspectBNCS(c *Conversation, r *Result) Verdict {
	const platform, product, minLength = 9, 13, 0x26
	b := c.First()
	if !couldBe(b, "\x01\xff\x50") {
		return No
	}
	if len(b) < product+4 {
		return NeedMore
	}
	if length := le16(b[3:]); length < minLength || length > 512 || !isZero(b[5:platform]) || !hasPrefix(b[platform:], "68XI") && !hasPrefix(b[platform:], "CAMP") && !hasPrefix(b[platform:], "CAMX") {
		return No
	}
	var letters [4]byte
	for i := range letters {
		letters[i] = b[product+3-i]
	}
	if !isPrintable(letters[:]) {
		return No
	}
	r.Object("battle_net").Text("product", letters[:])
	r.SetApplication("blizzard")
	return Yes
}

// inspectWorldOfWarcraft checks the greeting of a world server or its client, behind two bytes of length or without, and the
// login: operation 0, protocol, length (little endian), "WoW" and a zero.
func inspectWorldOfWarcraft(c *Conversation, r *Result) Verdict {
	const greeting, login, header = "WORLD OF WARCRAFT CONNECTION", "WoW\x00", 4
	for _, b := range [2][]byte{c.First(), c.Second()} {
		switch {
		case hasPrefix(b, greeting), len(b) > 2 && hasPrefix(b[2:], greeting):
		case len(b) > header+len(login) && b[0] == 0 && hasPrefix(b[header:], login) && le16(b[2:]) >= 30 && le16(b[2:]) <= 64:
		default:
			continue
		}
		r.SetApplication("world-of-warcraft")
		return Yes
	}
	if b := c.First(); len(b) < 2+len(greeting) && (couldBe(b, greeting) || b[0] == 0) {
		return NeedMore
	}
	return No
}
