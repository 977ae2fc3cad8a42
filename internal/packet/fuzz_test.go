// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// allSamples returns every frame of the tables.
func allSamples() []sample {
	samples := slices.Concat(linkSamples, gatewaySamples, wifiSamples, ipSamples, transportSamples)
	for _, s := range tunnelSamples {
		samples = append(samples, sample{name: s.name, link: LinkRaw, frame: s.frame})
	}
	return samples
}

// allLinks returns every known link type, the internal ones, and one unknown.
func allLinks() []LinkType {
	links := []LinkType{linkMPLS, linkIEEE80211Swapped, 65535}
	for link := range LinkType(300) {
		if link.Known() {
			links = append(links, link)
		}
	}
	return links
}

// decodeAll decodes a frame and the packets inside it, and checks the invariants of each packet.
func decodeAll(t *testing.T, link LinkType, frame []byte, wireLen int) {
	t.Helper()
	var p Packet
	p.Decode(link, frame, wireLen)
	for depth := 0; ; depth++ {
		if why := brokenInvariant(&p); why != "" {
			t.Fatalf("link %d, wire %d, frame %x, depth %d: %s: %s", link, wireLen, frame, depth, why, describe(&p))
		}
		outer := p
		if depth == MaxTunnels || !p.Inner(&outer) {
			return
		}
		if p.NetworkOffset < outer.PayloadOffset || p.End > outer.End {
			t.Fatalf("link %d, frame %x: the packet inside goes beyond the outer: %s", link, frame, describe(&p))
		}
	}
}

// TestTruncations decodes every prefix of every sample as every link type. A prefix may claim only what the whole frame
// claims too: no field may come from missing bytes. (The capacity ends with the bytes, so that an overread panics.)
func TestTruncations(t *testing.T) {
	for _, s := range allSamples() {
		for _, link := range allLinks() {
			var whole, part Packet
			whole.Decode(link, s.frame, 0)
			for n := range s.frame {
				frame := s.frame[:n:n]
				decodeAll(t, link, frame, len(s.frame))
				part.Decode(link, frame, len(s.frame))
				if claim := untrueClaim(&part, &whole); claim != "" {
					t.Fatalf("%s, link %d, %d of %d bytes: %s\npart  %s\nwhole %s", s.name, link, n, len(s.frame),
						claim, describe(&part), describe(&whole))
				}
			}
		}
	}
}

// untrueClaim names the field in which the cut packet differs from the whole one.
func untrueClaim(part, whole *Packet) string {
	differs := func(part, whole uint32) bool { return part != 0 && part != whole }
	switch {
	case part.IPVersion != 0 && (part.IPVersion != whole.IPVersion || part.Src != whole.Src || part.Dst != whole.Dst ||
		part.WireBytes != whole.WireBytes):
		return "network layer"
	case part.Proto != whole.Proto && part.Fault == FaultNone:
		return "protocol"
	case differs(uint32(part.SrcPort), uint32(whole.SrcPort)), differs(uint32(part.DstPort), uint32(whole.DstPort)):
		return "ports"
	case differs(part.Seq, whole.Seq), differs(part.Ack, whole.Ack), differs(uint32(part.TCPFlags),
		uint32(whole.TCPFlags)), differs(uint32(part.Window), uint32(whole.Window)):
		return "TCP"
	case differs(uint32(part.ICMPType), uint32(whole.ICMPType)), differs(uint32(part.ICMPCode), uint32(whole.ICMPCode)):
		return "ICMP"
	case part.HasMAC && part.Around == whole.Around && (!whole.HasMAC || part.SrcMAC != whole.SrcMAC ||
		part.DstMAC != whole.DstMAC):
		return "link addresses"
	case part.Around != TunnelNone && (part.Around != whole.Around || part.Network != whole.Network):
		return "around"
	case part.NVLAN > whole.NVLAN:
		return "VLANs"
	case part.Fragment && (part.FragmentID != whole.FragmentID || part.FragmentOffset != whole.FragmentOffset):
		return "fragment"
	case part.Tunnel != TunnelNone && part.Tunnel != whole.Tunnel:
		return "tunnel"
	case part.Fault == FaultNone && whole.Fault == FaultNone && (part.PayloadOffset > whole.PayloadOffset ||
		part.WirePayload != whole.WirePayload && !whole.Truncated):
		return "payload"
	}
	return ""
}

// TestMutations decodes samples with a few bytes changed, from a fixed seed.
func TestMutations(t *testing.T) {
	rounds := 300_000
	if testing.Short() {
		rounds = 30_000
	}
	samples, links := allSamples(), allLinks()
	random := rand.New(rand.NewPCG(1, 2))
	fragments := NewFragments(64)
	interesting := []byte{0, 1, 4, 6, 17, 41, 43, 44, 47, 60, 0x45, 0x60, 0x81, 0x88, 0xff}
	for range rounds {
		s := samples[random.IntN(len(samples))]
		frame := slices.Clone(s.frame)
		for range random.IntN(6) {
			if len(frame) == 0 {
				break
			}
			if i := random.IntN(len(frame)); random.IntN(2) == 0 {
				frame[i] = interesting[random.IntN(len(interesting))]
			} else {
				frame[i] = byte(random.Uint32())
			}
		}
		frame = frame[:random.IntN(len(frame)+1)]
		link := s.link
		if random.IntN(8) == 0 {
			link = links[random.IntN(len(links))]
		}
		wireLen := random.IntN(2 * (len(frame) + 1))
		decodeAll(t, link, slices.Clip(frame), wireLen)
		var p Packet
		p.Decode(link, frame, wireLen)
		fragments.Resolve(&p, int64(random.Uint64()))
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range allSamples() {
		f.Add(uint32(s.link), s.frame, uint32(s.wireLen))
	}
	fragments := NewFragments(16)
	f.Fuzz(func(t *testing.T, link uint32, frame []byte, wireLen uint32) {
		decodeAll(t, LinkType(link), slices.Clip(frame), int(wireLen))
		var p Packet
		p.Decode(LinkType(link), frame, int(wireLen))
		fragments.Resolve(&p, int64(wireLen))
		for rest := LaterMSDUs(LinkType(link), frame); len(rest) > 0; {
			before := len(rest)
			var msdu []byte
			var length int
			if msdu, length, rest = NextMSDU(rest); len(rest) >= before {
				t.Fatalf("nothing split off %x", rest)
			}
			decodeAll(t, LinkEthernet, msdu, length)
		}
	})
}

// TestReuse compares a reused Packet with a new one.
func TestReuse(t *testing.T) {
	var used Packet
	for _, s := range allSamples() {
		var fresh Packet
		fresh.Decode(s.link, s.frame, s.wireLen)
		used = Packet{Data: abc, Src: netip.IPv6Loopback(), NetworkOffset: 9, TransportOffset: 9, PayloadOffset: 9,
			End:       9,
			WireBytes: 9, WirePayload: 9, Seq: 9, Ack: 9, FragmentID: 9, FragmentOffset: 9, SrcPort: 9, DstPort: 9,
			Window: 9, VLANs: [MaxVLANs]uint16{9, 9, 9, 9},
			SrcMAC: [6]byte{9}, DstMAC: [6]byte{9}, IPVersion: 9, Proto: 9, TTL: 9, TOS: 9, TCPFlags: 9, ICMPType: 9,
			ICMPCode: 9, NVLAN: 9,
			Fault: 9, Tunnel: 9, Around: 9, Network: 9, msdu: 9, HasMAC: true, Fragment: true, LaterFragment: true,
			Truncated: true, inner: innerAt{9, 9}}
		used.Decode(s.link, s.frame, s.wireLen)
		forgetInvalid(&used)
		forgetInvalid(&fresh)
		if !reflect.DeepEqual(fresh, used) {
			t.Errorf("%s: %s\nleft over: %s", s.name, describe(&fresh), describe(&used))
		}
	}
}

// forgetInvalid clears the fields that are invalid for this packet, according to their docs.
func forgetInvalid(p *Packet) {
	if !p.Fragment {
		p.FragmentID, p.FragmentOffset = 0, 0
	}
	clear(p.VLANs[p.NVLAN:])
	if p.Tunnel == TunnelNone {
		p.inner = innerAt{}
	}
	if p.Around == TunnelNone {
		p.Network = 0
	}
	p.msdu = 0 // only LaterMSDUs looks at it, with its own Packet
}

// TestPlainIsTheGeneralWay decodes every sample, cut and changed in many ways, with plain and with the general decoder.
func TestPlainIsTheGeneralWay(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 13))
	plain := 0
	check := func(frame []byte, wireLen int) {
		wire := max(wireLen, len(frame))
		var quick Packet
		if !quick.plain(frame) {
			return
		}
		plain++
		general := Packet{Data: frame}
		general.decode(LinkEthernet, frame, 0, wire)
		forgetInvalid(&quick)
		forgetInvalid(&general)
		if !reflect.DeepEqual(quick, general) {
			t.Fatalf("%x\nplain:   %s\ngeneral: %s", frame, describe(&quick), describe(&general))
		}
	}
	for _, s := range allSamples() {
		if s.link != LinkEthernet {
			continue
		}
		for n := range len(s.frame) + 1 {
			check(s.frame[:n:n], s.wireLen)
		}
		for range 20_000 {
			frame := slices.Clone(s.frame)
			if len(frame) == 0 {
				break
			}
			for range 1 + random.IntN(3) {
				frame[random.IntN(len(frame))] = byte(random.Uint32())
			}
			check(frame, random.IntN(2*len(frame)))
		}
	}
	if plain < 10_000 {
		t.Errorf("only %d frames were plain: this test shows little", plain)
	}
}

func TestNoAllocation(t *testing.T) {
	for _, s := range allSamples() {
		var p, inner Packet
		fragments := NewFragments(4)
		now := int64(0)
		allocations := testing.AllocsPerRun(10, func() {
			p.Decode(s.link, s.frame, s.wireLen)
			inner.Inner(&p)
			now++
			p.FragmentID += uint32(now)
			fragments.Resolve(&p, now)
			_, _, _ = ProtoName(p.Proto), p.Fault.String(), p.Tunnel.String()
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", s.name, allocations)
		}
	}
}
