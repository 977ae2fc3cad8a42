// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/peer"
)

// output is a client of a broker. The library repairs no connection that breaks: the next Write makes another.
type output struct {
	address        string
	user, password string
	tls            *tls.Config // nil: none
	id             string      // "": one for each connection
	topic          string      // with typePlace
	status         string      // "": none
	qos            byte
	isRetained     bool

	client  paho.Client // nil: none
	conn    net.Conn    // of the client
	lost    chan error  // has why the client has lost its connection
	refused int         // connections in a row that broke over the first record
}

// Messages of the topic status=, both retained. The broker publishes offline if weir goes without a farewell.
const online, offline = "online", "offline"

// Bounds of a broker's patience.
const (
	connectTime = 10 * time.Second
	confirmTime = 30 * time.Second // of the record that waits longest
	keepAlive   = 30 * time.Second
	farewell    = time.Second
)

// connect makes a connection if there is none that works.
func (o *output) connect(ctx context.Context) error {
	if o.client != nil && o.client.IsConnectionOpen() {
		return nil
	}
	o.disconnect()
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := peer.Dial(ctx, "tcp", o.address, o.tls)
	if err != nil {
		return err
	}
	o.conn, o.lost = conn, make(chan error, 1)
	o.client = paho.NewClient(o.options(conn, o.lost))
	if err := await(ctx, o.client.Connect()); err != nil {
		o.disconnect()
		return fmt.Errorf("the broker at %s: %w", o.address, err)
	}
	if o.status != "" {
		o.client.Publish(o.status, o.qos, true, online)
	}
	return nil
}

func (o *output) options(conn net.Conn, lost chan<- error) *paho.ClientOptions {
	id := o.id
	if id == "" {
		id = fmt.Sprintf("weir%016x", rand.Uint64())
	}
	c := paho.NewClientOptions().AddBroker("tcp://" + o.address).SetClientID(id).SetProtocolVersion(protocol311).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetKeepAlive(keepAlive).
		SetConnectTimeout(connectTime).SetWriteTimeout(connectTime).
		SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err }).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return conn, nil })
	if o.user != "" {
		c.SetUsername(o.user).SetPassword(o.password)
	}
	if o.status != "" {
		c.SetWill(o.status, offline, o.qos, true)
	}
	return c
}

// protocol311 is the level of MQTT 3.1.1 in CONNECT.
const protocol311 = 4

// publish sends records, and waits until all are done. After an error, the first done ones are.
func (o *output) publish(ctx context.Context, records []*export.Record) (done int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tokens := make(chan paho.Token, len(records))
	go o.send(ctx, o.client, slices.Clone(records), tokens) // which may last longer: the caller changes its list
	for range records {
		if err := o.confirmed(ctx, tokens); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// send publishes records. If the connection breaks, the library may keep it for connectTime.
func (o *output) send(ctx context.Context, client paho.Client, records []*export.Record, tokens chan<- paho.Token) {
	for _, r := range records {
		if ctx.Err() != nil {
			return
		}
		tokens <- client.Publish(strings.ReplaceAll(o.topic, typePlace, r.Type), o.qos, o.isRetained, r.Line)
	}
}

// confirmed waits for the next record's end.
func (o *output) confirmed(ctx context.Context, tokens <-chan paho.Token) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	select {
	case token := <-tokens: // also after the connection was lost: the broker may have confirmed it before
		return await(ctx, token)
	default:
	}
	select {
	case token := <-tokens:
		return await(ctx, token)
	case err := <-o.lost:
		return fmt.Errorf("the broker at %s closes the connection: %w", o.address, err)
	case <-ctx.Done():
		return silence(ctx)
	}
}

// await waits for a token's end.
func await(ctx context.Context, token paho.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return silence(ctx)
	}
}

// silence returns why a wait ended without an answer.
func silence(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the broker does not answer")
	}
	return ctx.Err()
}

// disconnect closes the connection.
func (o *output) disconnect() {
	if o.client != nil {
		o.client.Disconnect(0)
		_ = o.conn.Close() // the library does so, too, but not while it waits for an answer
	}
	o.client, o.conn = nil, nil
}
