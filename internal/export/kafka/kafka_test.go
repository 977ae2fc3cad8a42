// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/exporttest"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/ship/sinktest"
)

// newCluster starts a broker in this process, with topics of two partitions.
func newCluster(t *testing.T, options ...kfake.Opt) (c *kfake.Cluster, address string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, "weir.flow", "weir.dns")},
		options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()[0]
}

func records(n int) (all []*export.Record) {
	for i := range n {
		r := &export.Record{Type: "flow", Line: fmt.Appendf(nil, `{"n":%d}`, i), Flow: &record.Flow{}}
		copy(r.Flow.ID[:], fmt.Sprintf("%032d", i))
		r.Flow.Client.Addr = netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:1", i%3))
		if i%3 == 2 {
			r.Type, r.Flow = "dns", nil
		}
		all = append(all, r)
	}
	return all
}

// consume reads n records of the topics, with the values as keys of the map.
func consume(t *testing.T, address string, n int, options ...kgo.Opt) map[string]*kgo.Record {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.ConsumeTopics("weir.flow", "weir.dns"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := map[string]*kgo.Record{}
	for len(all) < n && ctx.Err() == nil {
		c.PollFetches(ctx).EachRecord(func(r *kgo.Record) { all[string(r.Value)] = r })
	}
	if len(all) != n {
		t.Fatalf("%d records of %d came", len(all), n)
	}
	return all
}

// TestProduce: each record is in its topic with its key, by any compression and confirmation.
func TestProduce(t *testing.T) {
	for _, parameters := range []string{"", "?compression=lz4&partition_by=device", "?compression=snappy&acks=leader",
		"?compression=gzip", "?compression=none&partition_by=none"} {
		_, address := newCluster(t)
		o := exporttest.Open(t, Kind, "kafka://"+address+"/weir.{type}"+parameters, nil)
		sent := records(30)
		if err := o.Write(t.Context(), sent); err != nil {
			t.Fatalf("%s: %v", parameters, err)
		}
		got := consume(t, address, len(sent))
		for i, r := range sent {
			in := got[string(r.Line)]
			if in == nil || in.Topic != "weir."+r.Type {
				t.Errorf("%s: record %d is in %+v", parameters, i, in)
				continue
			}
			key := ""
			switch {
			case r.Flow == nil || strings.Contains(parameters, "partition_by=none"):
			case strings.Contains(parameters, "partition_by=device"):
				key = r.Flow.Client.Addr.Addr().String()
			default:
				key = string(r.Flow.ID[:])
			}
			if string(in.Key) != key {
				t.Errorf("%s: record %d has the key %q, want %q", parameters, i, in.Key, key)
			}
		}
	}
}

// TestSecurity: TLS with a verified certificate, SCRAM and PLAIN; a wrong password is told as such.
func TestSecurity(t *testing.T) {
	ca := sinktest.NewAuthority(t)
	pair := ca.Sign(t, "127.0.0.1")
	server := &tls.Config{Certificates: []tls.Certificate{pair}}
	for mechanism, name := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256",
		"scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel() // the client tries a wrong password for a while
			_, address := newCluster(t, kfake.EnableSASL(), kfake.Superuser(name, "weir", "secret"), kfake.TLS(server))
			files := map[string][]byte{"/password": []byte("secret\n"), "/ca.pem": ca.PEM()}
			u := "kafkas://weir@" + address + "?password_file=/password&ca=/ca.pem&sasl=" + mechanism
			if err := exporttest.Open(t, Kind, u, files).Write(t.Context(), records(3)); err != nil {
				t.Errorf("%s: %v", mechanism, err)
			}
			files["/password"] = []byte("wrong")
			err := exporttest.Open(t, Kind, u, files).Write(t.Context(), records(3))
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s, a wrong password: %v", mechanism, err)
			}
		})
	}
}

// TestFailures: what another attempt can mend comes again, the rest is lost and counted.
func TestFailures(t *testing.T) {
	t.Run("no topic", func(t *testing.T) {
		t.Parallel()
		_, address := newCluster(t)
		o := exporttest.Open(t, Kind, "kafka://"+address+"/other", nil)
		var again *export.RetryError
		if err := o.Write(t.Context(), records(2)); !errors.As(err, &again) || again.Done != 0 ||
			!strings.Contains(err.Error(), "create=true") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a topic is made", func(t *testing.T) {
		_, address := newCluster(t, kfake.AllowAutoTopicCreation())
		o := exporttest.Open(t, Kind, "kafka://"+address+"/other?create=true", nil)
		if err := o.Write(t.Context(), records(2)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a record is too large", func(t *testing.T) {
		_, address := newCluster(t)
		o := exporttest.Open(t, Kind, "kafka://"+address, nil)
		sent := records(3)
		sent[1].Line = make([]byte, 2<<20)
		var some *export.LostError
		if err := o.Write(t.Context(), sent); !errors.As(err, &some) || some.Lost != 1 {
			t.Errorf("%v", err)
		}
		consume(t, address, 2)
	})
	t.Run("the brokers are throttled", func(t *testing.T) {
		t.Parallel()
		c, address := newCluster(t)
		c.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
			response := request.ResponseKind().(*kmsg.ProduceResponse)
			response.ThrottleMillis = 10
			for _, topic := range request.(*kmsg.ProduceRequest).Topics {
				one := kmsg.NewProduceResponseTopic()
				one.Topic, one.TopicID = topic.Topic, topic.TopicID
				for _, p := range topic.Partitions {
					partition := kmsg.NewProduceResponseTopicPartition()
					partition.Partition, partition.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
					one.Partitions = append(one.Partitions, partition)
				}
				response.Topics = append(response.Topics, one)
			}
			return response, nil, true // once: the next request is the broker's
		})
		o := exporttest.Open(t, Kind, "kafka://"+address, nil)
		if err := o.Write(t.Context(), records(6)); err != nil {
			t.Error(err)
		}
		consume(t, address, 6)
	})
}

// TestAway: while no broker answers nothing is done, and the same records are produced when one is back.
func TestAway(t *testing.T) {
	kept := []kfake.Opt{kfake.DataDir(t.TempDir()), kfake.SyncWrites()}
	c, address := newCluster(t, kept...)
	o := exporttest.Open(t, Kind, "kafka://"+address, nil)
	if err := o.Write(t.Context(), records(3)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Write(ctx, records(6)) }()
	cancel() // as at the end of weir: it waits for no broker
	var again *export.RetryError
	if err := <-ended; !errors.As(err, &again) || again.Done != 0 {
		t.Fatalf("without a broker: %v", err)
	}
	u, err := url.Parse("//" + address)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscan(u.Port(), &port); err != nil {
		t.Fatal(err)
	}
	newCluster(t, append(kept, kfake.Ports(port))...)
	for range 100 {
		if err = o.Write(t.Context(), records(6)); err == nil {
			break
		}
		if !errors.As(err, &again) {
			t.Fatal(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	consume(t, address, 6)
}

func TestParse(t *testing.T) {
	exporttest.Refuses(t, Kind, map[string]string{
		"kafka://weir@h":                              "password_file=",
		"kafka://h?password_file=/a":                  "password_file=",
		"kafka://h?ca=/a":                             "are for TLS",
		"kafkas://h?key=/x":                           "belong together",
		"kafka://h?acks=two":                          "acks=",
		"kafka://h?compression=zip":                   "compression=",
		"kafka://weir@h?password_file=/a&sasl=GSSAPI": "sasl=",
		"kafka://h?create=yes":                        "create=",
	})
	for _, good := range []string{"kafka://h", "kafka://a:1,b:2/x", "kafka://[2001:db8::1]:3/x",
		"kafkas://h/weir-{type}?partition_by=device", "kafka://h/{type}?live=true&types=flow,dns&queue=1MiB"} {
		if _, err := export.NewPlan([]*export.Kind{Kind}, []string{good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
