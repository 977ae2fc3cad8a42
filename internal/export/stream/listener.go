// SPDX-License-Identifier: Apache-2.0

// Package stream serves the agent's live records to other programs: over a Unix socket whose users it checks, over TCP
// on the loopback interface, and over TLS to those who have a token. Each client asks for what it wants, as weir flows
// does, and gets a stream of its own from the agent, bounded there; so none can stall another. Over the schemes
// netifyd+unix and netifyd+tcp a client gets the messages of the Netify agent instead.
//
// A Listener is what a URL says. The helper opens its socket (Open), the process export serves it (Server).
package stream

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/netifyd"
	"github.com/weirnet/weir/internal/filter"
)

// Listener is a listener as its URL describes it.
type Listener struct {
	URL string
	// Network and Address are those of the socket: unix or tcp.
	Network, Address string
	IsTLS, IsNetifyd bool
	// Mode and Group are those of a Unix socket's file; Group -1: that of weir. Users, if there are any, may connect
	// and nobody else; else whom Mode and Group admit. Root and the user of weir may always.
	Mode  fs.FileMode
	Group int
	Users []uint32
	// Certificate, Key and Tokens are files.
	Certificate, Key, Tokens string
	// Where is a filter that all clients' filters are added to.
	Where   string
	Clients int // served at a time
	Netifyd netifyd.Options
	Status  time.Duration // between two agent_status
}

// Schemes are those of a listener's URL.
var Schemes = []string{"unix", "tcp", "tls", "netifyd+unix", "netifyd+tcp"}

// Bounds of the parameters.
const (
	usualClients, maxClients = 8, 16
	usualMode                = 0o600
	usualStatus              = 15 * time.Second
	usualPort                = "7150"
)

// Parse reads the URL of a listener. It looks up users and groups, which may also be numbers.
func Parse(text string) (*Listener, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	l := &Listener{URL: text, Mode: usualMode, Group: -1, Clients: usualClients, Status: usualStatus,
		Netifyd: netifyd.Options{Prefix: "netify.", Unknown: true}}
	scheme, isNetifyd := strings.CutPrefix(u.Scheme, "netifyd+")
	l.IsNetifyd = isNetifyd
	switch {
	case !slices.Contains(Schemes, u.Scheme):
		return nil, fmt.Errorf("must begin with %s://", strings.Join(Schemes, "://, "))
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("has a user or a #, which a listener has not")
	case scheme == "unix":
		err = l.unix(u)
	default:
		l.IsTLS = scheme == "tls"
		err = l.tcp(u)
	}
	if err != nil {
		return nil, err
	}
	p, err := export.NewParameters(u.RawQuery)
	if err != nil {
		return nil, err
	}
	l.parameters(p)
	if err := p.Check(); err != nil {
		return nil, err
	}
	return l, l.check()
}

// String is the URL without its parameters.
func (l *Listener) String() string {
	name, _, _ := strings.Cut(l.URL, "?")
	return name
}

func (l *Listener) unix(u *url.URL) error {
	if u.Host != "" || !filepath.IsAbs(u.Path) || strings.HasSuffix(u.Path, "/") {
		return fmt.Errorf("must have the whole path of a socket: %s:///run/weir/stream.sock", u.Scheme)
	}
	l.Network, l.Address = "unix", filepath.Clean(u.Path)
	const most = 107 // sun_path without its end, unix(7)
	if len(l.Address) > most {
		return fmt.Errorf("has a path of %d bytes; a socket's may have %d", len(l.Address), most)
	}
	return nil
}

func (l *Listener) tcp(u *url.URL) error {
	if u.Path != "" && u.Path != "/" {
		return fmt.Errorf("has a path, %s, which %s has not", u.Path, u.Scheme)
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = usualPort
	}
	address, err := netip.ParseAddr(host)
	if host == "localhost" {
		address, err = netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	if err != nil {
		return fmt.Errorf("must have the address to listen at, such as %s://127.0.0.1:%s", u.Scheme, usualPort)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("has the port %q: must be a number up to 65535", port)
	}
	if !l.IsTLS && !address.IsLoopback() {
		remedy := "tls://" + net.JoinHostPort(host, port) + "?certificate=…&key=…&token_file=…"
		if l.IsNetifyd {
			remedy = "a proxy of your own with TLS"
		}
		return fmt.Errorf("would show all traffic to everybody who reaches %s: without TLS weir listens at loopback "+
			"addresses only (127.0.0.1, ::1); for others use %s", address, remedy)
	}
	l.Network, l.Address = "tcp", netip.AddrPortFrom(address, uint16(n)).String()
	return nil
}

// parameters reads what follows the question mark: what this kind of listener has.
func (l *Listener) parameters(p *export.Parameters) {
	l.Clients = p.Int("clients", l.Clients, 1, maxClients)
	p.Read("where", l.where)
	if l.Network == "unix" {
		p.Read("mode", l.mode)
		p.Read("group", l.group)
		p.Read("users", l.users)
	}
	if l.IsTLS {
		l.Certificate, l.Key = p.File("certificate"), p.File("key")
	}
	if !l.IsNetifyd {
		l.Tokens = p.File("token_file")
		return
	}
	l.Netifyd.Prefix = p.Text("prefix", l.Netifyd.Prefix)
	l.Netifyd.Stats = p.Duration("stats", l.Netifyd.Stats, 0, time.Hour)
	l.Status = p.Duration("status", l.Status, time.Second, time.Hour)
	p.Read("unknown", l.unknown)
}

func (l *Listener) where(text string) error {
	l.Where = text
	_, err := filter.Parse(text)
	return err
}

func (l *Listener) unknown(text string) (err error) {
	if l.Netifyd.Unknown, err = strconv.ParseBool(text); err != nil {
		return errors.New("must be true or false")
	}
	return nil
}

func (l *Listener) mode(text string) error {
	n, err := strconv.ParseUint(text, 8, 9)
	if err != nil || n&0o111 != 0 || n&0o600 != 0o600 {
		return errors.New("must be the file mode of a socket, such as 0600, 0660 or 0666")
	}
	l.Mode = fs.FileMode(n)
	return nil
}

func (l *Listener) group(name string) (err error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		l.Group = int(n)
		return nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return errors.New("no such group")
	}
	l.Group, err = strconv.Atoi(g.Gid)
	return err
}

func (l *Listener) users(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			u, lookupErr := user.Lookup(name)
			if lookupErr != nil {
				return fmt.Errorf("no user %q", name)
			}
			if n, err = strconv.ParseUint(u.Uid, 10, 32); err != nil {
				return err
			}
		}
		l.Users = append(l.Users, uint32(n))
	}
	return nil
}

// check completes the parameters, and checks what several of them say together.
func (l *Listener) check() error {
	if len(l.Users) > 0 && l.Mode == usualMode {
		l.Mode = 0o666 // the users' credentials decide
	}
	switch {
	case l.IsTLS && (l.Certificate == "" || l.Key == ""):
		return errors.New("needs certificate=FILE and key=FILE, in PEM")
	case l.IsTLS && l.Tokens == "":
		return errors.New("needs token_file=FILE, with a token a line: who has none gets nothing")
	case l.Group >= 0 && l.Mode&0o060 == 0:
		return errors.New("names a group that mode= does not admit: add mode=0660")
	}
	return nil
}

// Resolved is the URL with numbers for the names of users and groups, for a process that can look up none.
func (l *Listener) Resolved() string {
	base, query, _ := strings.Cut(l.URL, "?")
	values, _ := url.ParseQuery(query) // Parse has read it
	if l.Group >= 0 {
		values.Set("group", strconv.Itoa(l.Group))
	}
	if len(l.Users) > 0 {
		var all []string
		for _, n := range l.Users {
			all = append(all, strconv.FormatUint(uint64(n), 10))
		}
		values.Set("users", strings.Join(all, ","))
	}
	if len(values) == 0 {
		return base
	}
	return base + "?" + values.Encode()
}

// Files are those that the helper opens for the process.
func (l *Listener) Files() (all []string) {
	for _, f := range []string{l.Certificate, l.Key, l.Tokens} {
		if f != "" {
			all = append(all, f)
		}
	}
	return all
}

// Open opens the listener's socket, and returns a descriptor of it, and what removes the socket's file at the end. A
// socket that a killed weir left behind is replaced.
func (l *Listener) Open() (socket *os.File, remove func(), err error) {
	if l.Network == "unix" {
		return l.openUnix()
	}
	listener, err := net.Listen(l.Network, l.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen at %s: %w", l, err)
	}
	defer listener.Close()
	socket, err = listener.(*net.TCPListener).File()
	return socket, func() {}, err
}
