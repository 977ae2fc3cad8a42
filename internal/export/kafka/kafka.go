// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/peer"
	"github.com/weirnet/weir/internal/record"
)

// IsBuiltIn reports whether this program has the output.
const IsBuiltIn = true

// patience is how long a batch may wait for the brokers before the output says that they are away.
const patience = 10 * time.Second

// maxRecord bounds a record: brokers take messages of a megabyte (message.max.bytes).
const maxRecord = 1 << 20

// output produces records. One goroutine uses it.
type output struct {
	options []kgo.Opt
	topic   string
	key     string // flow, device or none
	client  *kgo.Client
}

func parse(u *url.URL, p *export.Parameters) (*export.Made, error) {
	brokers, topic, err := target(u)
	if err != nil {
		return nil, err
	}
	o := &output{topic: topic}
	o.key = p.OneOf("partition_by", "flow", "device", "none")
	o.options = append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.ClientID(p.Text("client_id", "weir")),
		kgo.RecordDeliveryTimeout(patience), kgo.RetryTimeout(patience), kgo.ProduceRequestTimeout(patience),
		kgo.AllowIdempotentProduceCancellation(), // the end of weir waits for no broker
		kgo.ProducerBatchMaxBytes(maxRecord), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		compression(p.OneOf("compression", "zstd", "lz4", "snappy", "gzip", "none"))},
		acknowledged(p.OneOf("acks", "all", "leader"))...)
	if p.Bool("create") {
		o.options = append(o.options, kgo.AllowAutoTopicCreation())
	}
	mechanism, password := p.OneOf("sasl", "scram-sha-512", "scram-sha-256", "plain"), p.File("password_file")
	if user := u.User.Username(); (user == "") != (password == "") {
		return nil, errors.New("a user and password_file= belong together: kafka://USER@HOST/TOPIC?password_file=/F")
	}
	hasTLS := u.Scheme == "kafkas"
	security := peer.ReadSecurity(p)
	if err := security.Check(hasTLS); err != nil {
		return nil, err
	}
	return &export.Made{Open: func(e *export.Environment) (export.Output, error) {
		if password != "" {
			secret := string(bytes.TrimRight(e.Files[password], "\r\n"))
			o.options = append(o.options, kgo.SASL(authentication(mechanism, u.User.Username(), secret)))
		}
		if hasTLS {
			c, err := security.Config(e)
			if err != nil {
				return nil, err
			}
			o.options = append(o.options, kgo.DialTLSConfig(c))
		}
		o.client, err = kgo.NewClient(o.options...)
		return o, err
	}}, nil
}

func compression(name string) kgo.Opt {
	codec := map[string]kgo.CompressionCodec{"zstd": kgo.ZstdCompression(), "lz4": kgo.Lz4Compression(),
		"snappy": kgo.SnappyCompression(), "gzip": kgo.GzipCompression(), "none": kgo.NoCompression()}[name]
	// Brokers before 2.1 know no zstd.
	return kgo.ProducerBatchCompression(codec, kgo.GzipCompression(), kgo.NoCompression())
}

// acknowledged is whose confirmation a record needs. Only that of all replicas allows a producer whose repetitions the
// broker leaves out.
func acknowledged(by string) []kgo.Opt {
	if by == "leader" {
		return []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()}
	}
	return nil
}

func authentication(mechanism, user, password string) sasl.Mechanism {
	switch mechanism {
	case "plain":
		return plain.Auth{User: user, Pass: password}.AsMechanism()
	case "scram-sha-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	}
	return scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
}

// Write implements export.Output. A record is done when the brokers have confirmed it. Those behind one that could not
// be produced come again, so that the brokers may get one twice.
func (o *output) Write(ctx context.Context, records []*export.Record) error {
	batch := make([]*kgo.Record, len(records))
	for i, r := range records {
		batch[i] = &kgo.Record{Topic: strings.ReplaceAll(o.topic, typePlace, r.Type), Key: o.keyOf(r), Value: r.Line}
	}
	results := map[*kgo.Record]error{}
	for _, result := range o.client.ProduceSync(ctx, batch...) {
		results[result.Record] = result.Err
	}
	var lost int
	var why error
	for i, r := range batch {
		switch err := results[r]; {
		case err == nil:
		case isRefused(err):
			lost, why = lost+1, fmt.Errorf("topic %s: the brokers refuse a record: %w", r.Topic, err)
		default:
			return &export.RetryError{Err: explain(r.Topic, err), Done: i, Lost: lost}
		}
	}
	if lost > 0 {
		return &export.LostError{Err: why, Lost: lost}
	}
	return nil
}

// isRefused reports whether another attempt with the same record must fail.
func isRefused(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.InvalidRecord) ||
		errors.Is(err, kerr.RecordListTooLarge) || errors.Is(err, kerr.CorruptMessage)
}

// explain says what to do about an error.
func explain(topic string, err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("the brokers have no topic %s: create it, or add create=true: %w", topic, err)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Errorf("the user may not write to the topic %s: %w", topic, err)
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("the brokers refuse the user or its password: %w", err)
	}
	return fmt.Errorf("topic %s: %w", topic, err)
}

// keyOf is a record's key: records with the same one are in one partition, in order.
func (o *output) keyOf(r *export.Record) []byte {
	if r.Flow == nil {
		return nil
	}
	switch o.key {
	case "flow":
		return r.Flow.ID[:]
	case "device":
		end := &r.Flow.Client
		if r.Flow.Server.Side == record.SideLAN && end.Side != record.SideLAN {
			end = &r.Flow.Server
		}
		if end.MAC != [6]byte{} {
			return fmt.Appendf(nil, "%x", end.MAC)
		}
		return []byte(end.Addr.Addr().String())
	}
	return nil
}

// Close implements export.Output.
func (o *output) Close() error {
	o.client.Close()
	return nil
}
