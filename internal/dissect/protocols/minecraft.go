// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// minecraft: the handshake of the Java edition.
var minecraftProtocol = &dissect.Protocol{
	Name: "minecraft", Spec: "Minecraft Java edition protocol: handshake", Category: "gaming",
	Over: dissect.TCP, Ports: []uint16{25565}, Start: dissect.ByteRange(9, 0x7f), MinLength: 8,
	Members: []string{"minecraft.version"},
	Inspect: inspectMinecraft,
}

// inspectMinecraft checks the handshake: length, packet 0, protocol version, the server's name, its port, and the next
// state: status, login or transfer. All numbers but the port have seven bits per byte.
func inspectMinecraft(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const handshake, maxVersion, snapshot, maxHostLength, lastState = 0, 4096, 1 << 30, 255, 3
	b := c.First()
	length, at := minecraftNumber(b)
	if at == 0 || len(b) < at+1 {
		return dissect.NeedMore
	}
	if length < 7 || length > maxHostLength+16 || b[at] != handshake {
		return dissect.No
	}
	if len(b) < at+length {
		return dissect.NeedMore
	}
	b = b[at+1 : at+length]
	version, size := minecraftNumber(b)
	if size == 0 || version > maxVersion && version&snapshot == 0 {
		return dissect.No
	}
	b = b[size:]
	hostLength, size := minecraftNumber(b)
	if size == 0 || hostLength == 0 || len(b) != size+hostLength+3 || b[len(b)-1] == 0 || b[len(b)-1] > lastState {
		return dissect.No
	}
	host := b[size : size+hostLength]
	for i, c := range host {
		if c == 0 {
			host = host[:i] // mod loaders append their own text to the name
			break
		}
	}
	if len(host) < 4 || !isPrintable(host) {
		return dissect.No
	}
	r.SetHost(host)
	r.Object("minecraft").Int("version", int64(version))
	return dissect.Yes
}

// minecraftNumber reads a number of seven bits per byte, the lowest first; size is 0 if it doesn't end within five
// bytes.
func minecraftNumber(b []byte) (n, size int) {
	for i := range min(len(b), 5) {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return n, i + 1
		}
	}
	return 0, 0
}
