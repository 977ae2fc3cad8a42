// SPDX-License-Identifier: Apache-2.0

// Package mqtt is the output that publishes records to a broker by MQTT 3.1.1. The message is the record's JSON.
package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/peer"
)

// Kind is the kind of this output.
var Kind = &export.Kind{Name: "mqtt", Schemes: []string{"mqtt", "mqtts"},
	Example: "mqtts://weir@broker.example.org:8883/weir/{type}?password_file=/etc/weir/mqtt&ca=/etc/weir/ca.pem",
	Parse:   parse}

// Ports that IANA has assigned.
const port, portTLS = 1883, 8883

// typePlace stands for a record's type in a topic.
const typePlace = "{type}"

func parse(u *url.URL, p *export.Parameters) (*export.Made, error) {
	hasTLS, usual := u.Scheme == "mqtts", port
	if hasTLS {
		usual = portTLS
	}
	address, err := peer.Address(u, usual)
	if err != nil {
		return nil, err
	}
	o := &output{address: address, user: u.User.Username()}
	if o.topic, err = topic(u); err != nil {
		return nil, err
	}
	p.Read("status", func(name string) error {
		o.status = name
		return checkTopic(name)
	})
	o.qos = byte(p.Int("qos", 1, 0, 1))
	o.isRetained = p.Bool("retain")
	p.Read("client_id", func(id string) error {
		o.id = id
		return checkText(id, maxID)
	})
	password := p.File("password_file")
	if password != "" && o.user == "" {
		return nil, errors.New("password_file= needs a user: mqtt://USER@HOST/TOPIC")
	}
	security := peer.ReadSecurity(p)
	if err := security.Check(hasTLS); err != nil {
		return nil, err
	}
	return &export.Made{Open: func(e *export.Environment) (export.Output, error) {
		if hasTLS {
			if o.tls, err = security.Config(e); err != nil {
				return nil, err
			}
		}
		if password != "" {
			o.password = string(bytes.TrimRight(e.Files[password], "\r\n"))
		}
		return o, nil
	}}, nil
}

// Bounds of texts: a broker need not take a longer topic or identifier.
const maxTopic, maxID = 512, 64

// topic returns the topic that a URL's path is, weir/{type} without one.
func topic(u *url.URL) (string, error) {
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" {
		name = "weir/" + typePlace
	}
	if err := checkTopic(strings.ReplaceAll(name, typePlace, "flow")); err != nil {
		return "", fmt.Errorf("the topic %q: %w", name, err)
	}
	return name, nil
}

// checkTopic returns why a text is no topic to publish to (MQTT 3.1.1, section 4.7).
func checkTopic(name string) error {
	if strings.ContainsAny(name, "+#{}") {
		return errors.New("must be without + and #, and in braces only {type} may be")
	}
	return checkText(name, maxTopic)
}

func checkText(text string, most int) error {
	isControl := func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 }
	if text == "" || len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, isControl) {
		return fmt.Errorf("must be 1 to %d bytes of UTF-8, without control characters", most)
	}
	return nil
}

// Write implements export.Output. With qos=1 a record is done when the broker has confirmed it; those of which the
// confirmation is missing when a connection breaks are sent again, so that the broker may get one twice.
func (o *output) Write(ctx context.Context, records []*export.Record) error {
	if err := o.connect(ctx); err != nil {
		return export.Retry(0, err)
	}
	done, err := o.publish(ctx, records)
	if err == nil {
		o.refused = 0
		return nil
	}
	o.disconnect()
	if done > 0 {
		o.refused = 0
	} else if ctx.Err() == nil {
		o.refused++
	}
	if o.refused < maxRefused {
		return export.Retry(done, err)
	}
	o.refused = 0
	return &export.RetryError{Err: fmt.Errorf("the broker refuses a record: %w", err), Done: 1, Lost: 1}
}

// maxRefused is how often a broker may break a connection over the same record until this one is given up: a broker of
// MQTT 3.1.1 has no other way to refuse one that is too large.
const maxRefused = 4

// Close implements export.Output.
func (o *output) Close() error {
	if o.client != nil && o.status != "" {
		o.client.Publish(o.status, o.qos, true, offline).WaitTimeout(farewell)
	}
	o.disconnect()
	return nil
}
