// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// inbox is what a subscriber has got.
type inbox struct {
	mu   sync.Mutex
	msgs []message
}

type message struct {
	topic, payload string
	isRetained     bool
}

func (i *inbox) put(topic string, payload []byte, isRetained bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.msgs = append(i.msgs, message{topic, string(payload), isRetained})
}

func (i *inbox) all() []message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]message(nil), i.msgs...)
}

// has reports whether a message has come.
func (i *inbox) has(topic, payload string) bool {
	for _, m := range i.all() {
		if m.topic == topic && m.payload == payload {
			return true
		}
	}
	return false
}

// newMochi starts a broker in this process, which takes messages of at most so many bytes; 0: of any length.
func newMochi(t *testing.T, most uint32) (address string, in *inbox) {
	t.Helper()
	limits := mochi.NewDefaultServerCapabilities()
	limits.MaximumPacketSize = most
	s := mochi.New(&mochi.Options{InlineClient: true, Capabilities: limits,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	in = new(inbox)
	err := s.Subscribe("#", 1, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
		in.put(pk.TopicName, pk.Payload, pk.FixedHeader.Retain)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l.Address(), in
}

// mosquitto is Debian's broker, which listens on a socket in a folder: a relay gives it a port that is nobody else's.
type mosquitto struct {
	t       *testing.T
	config  string
	socket  string
	command *exec.Cmd
	relay   net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

// newMosquitto starts a broker with further lines of configuration.
func newMosquitto(t *testing.T, lines ...string) *mosquitto {
	t.Helper()
	folder := t.TempDir()
	m := &mosquitto{t: t, config: filepath.Join(folder, "conf"), socket: filepath.Join(folder, "s")}
	text := strings.Join(append([]string{"listener 0 " + m.socket, "user root", "persistence false"}, lines...), "\n")
	if err := os.WriteFile(m.config, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.relay, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go m.serve()
	m.start()
	t.Cleanup(func() {
		_ = m.relay.Close()
		m.stop()
	})
	return m
}

func (m *mosquitto) address() string { return m.relay.Addr().String() }

func (m *mosquitto) start() {
	m.t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			lab.Lacks(m.t, "mosquitto is missing")
		}
	}
	_ = os.Remove(m.socket) // of the one before
	m.command = exec.Command(program, "-c", m.config)
	if err := m.command.Start(); err != nil {
		m.t.Fatal(err)
	}
	wait.Until(m.t, "mosquitto listens", func() bool {
		c, err := net.Dial("unix", m.socket)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// stop kills the broker, and closes what is left of its connections.
func (m *mosquitto) stop() {
	_ = m.command.Process.Kill()
	_ = m.command.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.conns = nil
}

func (m *mosquitto) serve() {
	for {
		client, err := m.relay.Accept()
		if err != nil {
			return
		}
		broker, err := net.Dial("unix", m.socket)
		if err != nil {
			_ = client.Close()
			continue
		}
		m.mu.Lock()
		m.conns = append(m.conns, client, broker)
		m.mu.Unlock()
		go join(client, broker)
		go join(broker, client)
	}
}

func join(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

// subscribe collects what the broker has.
func (m *mosquitto) subscribe(user, password string) *inbox {
	m.t.Helper()
	in := new(inbox)
	o := paho.NewClientOptions().AddBroker("unix://" + m.socket).SetClientID("reader").SetUsername(user).
		SetPassword(password).SetAutoReconnect(true).SetConnectRetry(false)
	o.SetOnConnectHandler(func(c paho.Client) {
		c.Subscribe("#", 1, func(_ paho.Client, p paho.Message) { in.put(p.Topic(), p.Payload(), p.Retained()) })
	})
	o.SetConnectionLostHandler(func(paho.Client, error) {})
	c := paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(wait.Limit) || token.Error() != nil {
		m.t.Fatalf("the subscriber does not reach mosquitto: %v", token.Error())
	}
	probe := fmt.Sprintf("probe-%d", len(in.all()))
	wait.Until(m.t, "the subscription works", func() bool {
		c.Publish("test/probe", 0, false, probe)
		return in.has("test/probe", probe)
	})
	m.t.Cleanup(func() { c.Disconnect(0) })
	return in
}

// identity writes the files of a broker with TLS.
func identity(t *testing.T, by *sinktest.Authority) (lines []string) {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "pair.pem")
	if err := os.WriteFile(file, sinktest.PEM(t, by.Sign(t, "127.0.0.1")), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"certfile " + file, "keyfile " + file, "allow_anonymous true"}
}
