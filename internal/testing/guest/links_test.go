// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

var modes = []string{"ebpf", "afpacket"}

// vlans are links stacked on eth0; the last one carries the traffic.
var vlans = []struct {
	name  string
	links []string // arguments of ip link add
	up    []string // from the lowest up
	last  string
}{
	{"802.1Q", []string{"link eth0 name v7 type vlan id 7"}, []string{"v7"}, "v7"},
	{"QinQ", []string{"link eth0 name s100 type vlan proto 802.1ad id 100", "link s100 name v7 type vlan id 7"},
		[]string{"s100", "v7"}, "v7"},
}

// TestVLAN: weir decodes tagged frames, on the tagged link and on the VLAN's own, and counts each once where it chooses
// the links.
func TestVLAN(t *testing.T) {
	inGuest(t)
	for _, row := range vlans {
		for _, mode := range modes {
			for _, on := range [][]string{{"eth0"}, {row.last}, nil} {
				t.Run(fmt.Sprint(row.name, " ", mode, " on ", on), func(t *testing.T) {
					unlessShort(t, on == nil) // which reads tags and chooses, too
					from, to := quietPair(t)
					for _, h := range []*lab.Host{from, to} {
						for _, link := range row.links {
							needs(t, "VLAN devices", try(h, "ip link add "+link))
						}
						for _, link := range row.up {
							run(t, h, "ip link set dev "+link+" up")
						}
					}
					args := []string{"--mode", mode}
					for _, link := range on {
						args = append(args, "-i", link)
					}
					w := watch(t, to, "", args...)
					replay(t, from, row.last, captures[0])
					same(t, w.flows(), replayed(t, capturePath(captures[0])), false)
				})
			}
		}
	}
}

// TestRoutedUpper: packets that come in by a VLAN or a macvlan and are routed on make one flow with that many packets.
// weir counts them on the lower device; for the kernel they came in by the upper one.
func TestRoutedUpper(t *testing.T) {
	inGuest(t)
	for _, kind := range []string{"vlan id 7", "macvlan mode bridge"} {
		for _, mode := range modes {
			t.Run(kind+" "+mode, func(t *testing.T) {
				unlessShort(t, mode == "ebpf") // both modes use the same map
				l := lab.New(t, lab.Options{})
				client, server := l.Clients[0], l.Servers[0]
				for _, end := range []struct {
					host          *lab.Host
					link, address string
				}{{l.Gateway, "lan0", "10.9.0.1/24"}, {client, "eth0", "10.9.0.2/24"}} {
					needs(t, kind, try(end.host, "ip link add link "+end.link+" name up0 type "+kind))
					run(t, end.host, "ip address add "+end.address+" dev up0")
					run(t, end.host, "ip link set dev up0 up")
				}
				// Else lan0 answers for up0, and gets its packets.
				err := l.Gateway.Do(func() error {
					return os.WriteFile("/proc/sys/net/ipv4/conf/all/arp_ignore",
						[]byte("1"), 0)
				})
				if err != nil {
					t.Fatal(err)
				}
				run(t, client, "ip route replace default via 10.9.0.1 dev up0")
				w := watch(t, l.Gateway, "", "--mode", mode)
				d := datagrams(t, lab.Datagrams{Count: 500, Rate: 2000, From: netip.MustParseAddr("10.9.0.2"),
					To: server.Addr4}, client, server)
				flows := w.flows()
				wantDatagrams(t, flows, d)
				wantOutbound(t, flows, 9000, "10.9.0.2")
			})
		}
	}
}

// TestLossAndDelay: with netem weir counts what arrived, no more and no less.
func TestLossAndDelay(t *testing.T) {
	inGuest(t)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			from, to := lab.NewPair(t)
			// resolves the address before questions get lost
			datagrams(t, lab.Datagrams{Count: 1}, from, to)
			needs(t, "netem", try(from, "tc qdisc add dev eth0 root netem delay 5ms 2ms loss 10% duplicate 2% limit "+
				"10000"))
			w := watch(t, to, "", "-i", "eth0", "--mode", mode)
			d := datagrams(t, lab.Datagrams{Count: 2000, Rate: 2000}, from, to)
			if d.LostCount() == 0 || d.Duplicated == 0 {
				t.Fatal("netem does nothing: ", d)
			}
			wantDatagrams(t, w.flows(), d)
		})
	}
}

// TestWireGuard: the tunnel is one flow on the outer link, and its contents appear on its own link, each exactly.
func TestWireGuard(t *testing.T) {
	inGuest(t)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			from, to := lab.NewPair(t)
			wireguard(t, from, to)
			w := watch(t, to, "", "-i", "eth0", "-i", "wg0", "--mode", mode)
			d := datagrams(t, lab.Datagrams{Count: 500, Rate: 2000, From: netip.MustParseAddr("10.7.0.1"),
				To: netip.MustParseAddr("10.7.0.2")}, from, to)
			flows := w.flows()
			wantDatagrams(t, flows, d)
			tunnels := 0
			for _, f := range flows {
				if f.Protocol != "wireguard" {
					continue
				}
				tunnels++
				// The handshake's two messages and a keepalive come on top.
				if n := int(f.Client.Packets + f.Server.Packets); n < d.Received || n > d.Received+10 {
					t.Errorf("%d packets of the tunnel for %d datagrams", n, d.Received)
				}
			}
			if tunnels != 1 {
				t.Errorf("%d flows of WireGuard", tunnels)
			}
		})
	}
}

// TestFlowtable: weir counts a connection that netfilter's flowtable forwards past the stack, even if weir starts
// within it, and marks it.
func TestFlowtable(t *testing.T) {
	inGuest(t)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			l := lab.New(t, lab.Options{WireSize: true})
			client := l.Clients[0]
			needs(t, "flowtable", tryRuleset(t, l.Gateway, `table inet fast {
	flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; }
	chain f { type filter hook forward priority -10;
		tcp dport 9001 flow add @ft; tcp sport 9001 flow add @ft; meta l4proto tcp counter; }
}`))
			c := connect(t, client, l.Servers[0])
			c.send(1 << 20)
			w := watch(t, l.Gateway, "", "-i", "lan0", "-i", "wan0", "--mode", mode)
			before, slow := seen(t, l.Gateway), counters(t, l.Gateway, "fast")
			c.send(4 << 20)
			c.end()
			flows := w.flows()
			f := wantOutbound(t, flows, 9001, client.Addr4.String())
			got := f.Client.Packets + f.Server.Packets
			// The link also counts other protocols: a few ARP or ND requests.
			if want := seen(t, l.Gateway) - before; got > want || got+20 < want {
				t.Errorf("%d packets of the connection, %d on the link", got, want)
			}
			if slow = counters(t, l.Gateway, "fast") - slow; slow > got/2 {
				t.Errorf("%d of %d packets went through the stack: nothing was offloaded", slow, got)
			}
			if !f.Offloaded || f.NAT["kind"] != "snat" {
				t.Errorf("offloaded: %v; nat: %v", f.Offloaded, f.NAT)
			}
		})
	}
}

// withPort returns the flows with a port at one end.
func withPort(flows []flow, port int) (found []flow) {
	for _, f := range flows {
		if f.Server.Port == port || f.Client.Port == port {
			found = append(found, f)
		}
	}
	return found
}

// wantOutbound requires one flow to a port, of a client in the LAN to a server in the WAN.
func wantOutbound(t *testing.T, flows []flow, port int, client string) (found flow) {
	t.Helper()
	all := withPort(flows, port)
	if len(all) > 0 {
		found = all[len(all)-1]
	}
	if len(all) != 1 || found.Client.IP != client || found.Client.Side != "lan" || found.Server.Side != "wan" ||
		found.Direction != "outbound" {
		t.Errorf("want one flow to port %d, outbound of %s; got %d, the last %+v", port, client, len(all),
			found)
	}
	return found
}

func datagrams(t *testing.T, d lab.Datagrams, from, to *lab.Host) lab.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	sent, err := d.Send(ctx, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if sent.Received == 0 || sent.ReceiverDropped != 0 {
		t.Fatal(sent)
	}
	return sent
}

// wantDatagrams requires one flow to port 9000, with as many packets as arrived.
func wantDatagrams(t *testing.T, flows []flow, d lab.Delivery) {
	t.Helper()
	found := withPort(flows, 9000)
	want := uint64(d.Received + d.Duplicated)
	if len(found) != 1 || found[0].Client.Packets+found[0].Server.Packets != want {
		t.Errorf("one flow of %d packets wanted (%v), got %+v", want, d, found)
	}
}

func wireguard(t *testing.T, hosts ...*lab.Host) {
	t.Helper()
	keys := make([]*ecdh.PrivateKey, len(hosts))
	for i := range hosts {
		var err error
		if keys[i], err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for i, h := range hosts {
		other := 1 - i
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(keys[i].Bytes())), 0o600); err != nil {
			t.Fatal(err)
		}
		needs(t, "WireGuard", try(h, "ip link add wg0 type wireguard"))
		run(t, h, fmt.Sprintf("ip address add 10.7.0.%d/24 dev wg0", i+1))
		run(t, h, fmt.Sprintf("wg set wg0 private-key %s listen-port 51820 peer %s allowed-ips 10.7.0.0/24 endpoint "+
			"%v:51820", path,
			base64.StdEncoding.EncodeToString(keys[other].PublicKey().Bytes()), hosts[other].Addr4))
		run(t, h, "ip link set dev wg0 up")
	}
}

// seen returns the packets in and out of the gateway's lan0.
func seen(t *testing.T, gateway *lab.Host) uint64 {
	t.Helper()
	c, err := gateway.Counters("lan0")
	if err != nil {
		t.Fatal(err)
	}
	return c.RxPackets + c.TxPackets
}

func tryRuleset(t *testing.T, h *lab.Host, rules string) error {
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return try(h, "nft -f "+path)
}

var counter = regexp.MustCompile(`counter packets (\d+)`)

// counters returns the sum of the packets that a table's counters have seen.
func counters(t *testing.T, h *lab.Host, table string) (n uint64) {
	t.Helper()
	out, err := h.Run(context.Background(), "nft", "list", "table", "inet", table)
	if err != nil {
		t.Fatal(err, out)
	}
	for _, m := range counter.FindAllStringSubmatch(out, -1) {
		c, _ := strconv.ParseUint(m[1], 10, 64)
		n += c
	}
	return n
}

// connection is a TCP connection to port 9001, whose server reads.
type connection struct {
	t      *testing.T
	client net.Conn
	served chan error
}

func connect(t *testing.T, client, server *lab.Host) *connection {
	t.Helper()
	var l net.Listener
	err := server.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf("%v:9001", server.Addr4))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &connection{t: t, served: make(chan error, 1)}
	go func() {
		defer l.Close()
		server, err := l.Accept()
		if err == nil {
			_, err = io.Copy(io.Discard, server)
			server.Close()
		}
		c.served <- err
	}()
	err = client.Do(func() (err error) {
		c.client, err = net.DialTimeout("tcp4", l.Addr().String(), 5*time.Second)
		return err
	})
	if err != nil {
		l.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { c.client.Close() })
	return c
}

func (c *connection) send(bytes int) {
	c.t.Helper()
	_ = c.client.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.client.Write(make([]byte, bytes)); err != nil {
		c.t.Fatal(err)
	}
}

// end closes, and waits until the server has read everything and closed too.
func (c *connection) end() {
	c.t.Helper()
	if err := c.client.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c.client); err != nil {
		c.t.Fatal(err)
	}
	if err := <-c.served; err != nil {
		c.t.Fatal(err)
	}
	awaitStragglers()
}
