// SPDX-License-Identifier: Apache-2.0

package power

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// disk is a disk with a cache that forgets, as a network block device (NBD, the fixed newstyle) on a unix socket. What
// was written since the last flush is, after a cut, partly there: any of the writes, and any sectors of one.
type disk struct {
	mutex   sync.Mutex
	content []byte // as the machine sees it
	durable []byte
	cached  []write
	left    int           // requests until the power fails; negative: endless
	failed  chan struct{} // closed then
	isOff   bool
	wrote   func([]byte) // is given each write, before the machine knows that it is done
}

type write struct {
	at   int64
	data []byte
}

const sector = 512

func newDisk(image []byte) *disk {
	return &disk{content: append([]byte(nil), image...), durable: append([]byte(nil), image...), left: -1,
		failed: make(chan struct{})}
}

// failAfter makes the power fail after so many more requests.
func (d *disk) failAfter(requests int) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.left = requests
}

// cut is the power cut: the disk answers nobody any more.
func (d *disk) cut(random *rand.Rand) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.isOff = true
	kept := random.Float64() // of the writes; now and then all or none
	kept = min(max(2*kept-0.5, 0), 1)
	for _, w := range d.cached {
		if random.Float64() >= kept {
			continue
		}
		isTorn := random.IntN(8) == 0
		for at := 0; at < len(w.data); at += sector {
			if !isTorn || random.IntN(2) == 0 {
				copy(d.durable[w.at+int64(at):], w.data[at:min(at+sector, len(w.data))])
			}
		}
	}
	d.cached, d.left = nil, -1
}

// on gives the disk power again.
func (d *disk) on() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	copy(d.content, d.durable)
	d.isOff, d.failed = false, make(chan struct{})
}

// Numbers of the protocol (NetworkBlockDevice/nbd, doc/proto.md).
const (
	nbdMagic, nbdOption       = 0x4e42444d41474943, 0x49484156454f5054
	nbdOptionReply            = 0x3e889045565a9
	nbdRequest, nbdReply      = 0x25609513, 0x67446698
	optionExportName          = 1
	optionAbort, optionGo     = 2, 7
	replyAck, replyInfo       = 1, 3
	replyUnsupported          = 1<<31 + 1
	requestRead, requestWrite = 0, 1
	requestEnd, requestFlush  = 2, 3
	// The export has flags, and flushes.
	exportFlags = 1<<0 | 1<<2
)

// serve serves one machine until it goes.
func (d *disk) serve(l net.Listener) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	c := bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
	if err := d.handshake(c); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	for {
		if err := d.answer(c); err != nil {
			return err
		}
	}
}

// put writes numbers, big-endian, and bytes.
func put(w *bufio.ReadWriter, all ...any) error {
	for _, each := range all {
		if err := binary.Write(w, binary.BigEndian, each); err != nil {
			return err
		}
	}
	return w.Flush()
}

// handshake ends when the machine has chosen the export.
func (d *disk) handshake(c *bufio.ReadWriter) error {
	if err := put(c, uint64(nbdMagic), uint64(nbdOption), uint16(3)); err != nil { // fixed newstyle, no zeroes
		return err
	}
	var flags uint32
	if err := binary.Read(c, binary.BigEndian, &flags); err != nil {
		return err
	}
	for {
		var o struct {
			Magic          uint64
			Option, Length uint32
		}
		if err := binary.Read(c, binary.BigEndian, &o); err != nil {
			return err
		}
		if o.Magic != nbdOption || o.Length > 1<<16 {
			return errors.New("not an option")
		}
		if _, err := c.Discard(int(o.Length)); err != nil {
			return err
		}
		reply := func(kind uint32, data ...any) error {
			return put(c, append([]any{uint64(nbdOptionReply), o.Option, kind}, data...)...)
		}
		switch o.Option {
		case optionGo:
			err := reply(replyInfo, uint32(12), uint16(0), uint64(len(d.content)), uint16(exportFlags))
			return errors.Join(err, reply(replyAck, uint32(0)))
		case optionExportName:
			return put(c, uint64(len(d.content)), uint16(exportFlags))
		case optionAbort:
			return io.EOF
		}
		if err := reply(replyUnsupported, uint32(0)); err != nil {
			return err
		}
	}
}

// answer answers one request.
func (d *disk) answer(c *bufio.ReadWriter) error {
	var r struct {
		Magic       uint32
		Flags, Kind uint16
		Handle      uint64
		At          uint64
		Length      uint32
	}
	if err := binary.Read(c, binary.BigEndian, &r); err != nil {
		return err
	}
	if r.Magic != nbdRequest || r.At+uint64(r.Length) > uint64(len(d.content)) || r.Kind == requestEnd {
		return io.EOF
	}
	var data []byte
	if r.Kind == requestWrite {
		data = make([]byte, r.Length)
		if _, err := io.ReadFull(c, data); err != nil {
			return err
		}
	}
	if r.Kind == requestWrite && d.wrote != nil {
		d.wrote(data)
	}
	data, err := d.do(int(r.Kind), int64(r.At), int(r.Length), data)
	if err != nil {
		return err
	}
	return put(c, uint32(nbdReply), uint32(0), r.Handle, data)
}

// errOff is that of a disk without power.
var errOff = errors.New("the power has failed")

func (d *disk) do(kind int, at int64, length int, data []byte) ([]byte, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.isOff || d.left == 0 {
		return nil, errOff
	}
	switch kind {
	case requestRead:
		return append([]byte(nil), d.content[at:at+int64(length)]...), nil
	case requestWrite:
		copy(d.content[at:], data)
		d.cached = append(d.cached, write{at, data})
	case requestFlush:
		for _, w := range d.cached {
			copy(d.durable[w.at:], w.data)
		}
		d.cached = nil
	}
	if d.left > 0 {
		if d.left--; d.left == 0 {
			close(d.failed)
		}
	}
	return nil, nil
}

// TestDisk: a cut takes what was not flushed, all of it or a part, and nothing else.
func TestDisk(t *testing.T) {
	const blocks, size = 64, 4096
	random := rand.New(rand.NewPCG(1, 1))
	kept, lost, torn := 0, 0, 0
	for range 100 {
		d := newDisk(make([]byte, blocks*size))
		for n := range blocks {
			_, err := d.do(requestWrite, int64(n*size), size, bytes.Repeat([]byte{1}, size))
			if n == blocks/2-1 && err == nil {
				_, err = d.do(requestFlush, 0, 0, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d.cut(random)
		if _, err := d.do(requestRead, 0, size, nil); err != errOff {
			t.Fatalf("a disk without power: %v", err)
		}
		d.on()
		all, err := d.do(requestRead, 0, blocks*size, nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range blocks {
			switch ones := bytes.Count(all[n*size:(n+1)*size], []byte{1}); {
			case n < blocks/2 && ones != size:
				t.Fatalf("block %d was flushed, and %d bytes of it are left", n, ones)
			case n < blocks/2:
			case ones == size:
				kept++
			case ones == 0:
				lost++
			case ones%sector == 0:
				torn++
			default:
				t.Fatalf("a sector of block %d is torn", n)
			}
		}
	}
	if kept == 0 || lost == 0 || torn == 0 {
		t.Errorf("of blocks that were not flushed %d are kept, %d lost, %d torn", kept, lost, torn)
	}
}
