// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/enrol"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/ship/upload"
)

// Folders of the state folder.
const (
	SpoolFolder  = "spool"
	UplinkFolder = "uplink" // key and sink, see package enrol
)

// Bounds of the process.
const (
	memoryLimit = 48 << 20
	spoolTime   = 10 * time.Second // for another process, which ends, to give the spool free
	stateEvery  = time.Second
	uploadTime  = 5 * time.Second // for the last reports
	signEvery   = 500 * time.Millisecond
	lookEvery   = 10 * time.Second // at the files with name servers and names
	tidyEvery   = time.Minute
)

// Options are those of Run.
type Options struct {
	Folder      string // with the state
	Compression compress.Encoding
	Version     string // of weir
	Log         *logging.Logger
	Release     func() // gives back memory that only the start, or a first connection, needed
}

// process is the running process ship.
type process struct {
	*Options
	helper   *net.UnixConn
	parent   int // the helper
	spool    *spool.Spool
	uploader *upload.Uploader
	receiver *receiver
	hurry    chan os.Signal // SIGTERM
	statm    *os.File
}

// Run is the process ship, which its helper starts in the sandbox, in the spool's folder, with the socket as its first
// file, and those of enrol.Open after it. It stores the
// reports that come and sends them, until the helper closes its connection, and then what came before.
func Run(o *Options) error {
	debug.SetMemoryLimit(memoryLimit)
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), 2))
	net.DefaultResolver.PreferGo = true // the C library's needs more than the sandbox has
	// A terminal's Ctrl-C and systemd's stop reach all processes; only the helper knows when the last report has come.
	signal.Ignore(unix.SIGINT, unix.SIGHUP)
	p := &process{Options: o, parent: unix.Getppid(), hurry: make(chan os.Signal, 1)}
	signal.Notify(p.hurry, unix.SIGTERM)
	var err error
	if p.helper, err = sandbox.Conn(); err != nil {
		return err
	}
	conn, err := takeSocket(sandbox.FirstFile)
	if err != nil {
		return err
	}
	p.statm, _ = os.Open("/proc/self/statm") // else the memory stays unknown
	confinement, err := sandbox.Confine()
	if err != nil {
		return err
	}
	if err := p.open(conn); err != nil {
		return err
	}
	defer p.spool.Close()
	p.Log.Infof("reports: %s", confinement)
	p.Release()
	return p.run()
}

// open opens the spool and makes the uploader.
func (p *process) open(conn *net.UnixConn) error {
	var files [enrol.NumFiles]io.Reader
	for i := range files {
		f := os.NewFile(uintptr(sandbox.FirstFile+1+i), "uplink")
		defer f.Close()
		files[i] = f
	}
	sink, key, err := enrol.LoadFiles(filepath.Join(p.Folder, UplinkFolder), files)
	if err != nil {
		return err
	}
	store := &spooled{statm: p.statm, encoding: p.Compression}
	if n, err := hex.Decode(store.agent[:], []byte(sink.Agent)); err != nil || n != len(store.agent) {
		return fmt.Errorf("the agent's identity %q has not %d hexadecimal digits", sink.Agent, 2*len(store.agent))
	}
	for began := time.Now(); ; {
		p.spool, err = spool.Open(".", spool.Config{}) // whose path this user can't go
		if err == nil {
			break
		}
		if !errors.Is(err, spool.ErrInUse) || time.Since(began) > spoolTime {
			return fmt.Errorf("%s: %w", filepath.Join(p.Folder, SpoolFolder), err)
		}
		<-time.After(100 * time.Millisecond) // a lock has no event that a deadline could bound
	}
	p.receiver = &receiver{conn: conn, store: store, log: p.Log.Warnf}
	p.uploader, err = upload.New(p.spool, upload.Config{URL: sink.URL, Key: key, Version: p.Version,
		Authority: []byte(sink.Authority), Certificate: sink.Certificate, WholeFlows: p.receiver.wantWhole})
	if err != nil {
		return errors.Join(err, p.spool.Close())
	}
	store.spool, store.arrived, store.upload = p.spool, p.uploader.Wake, p.uploader.State
	return nil
}

// run works until the end.
func (p *process) run() error {
	receiving, stopReceiving := context.WithCancel(context.Background())
	uploading, stopUploading := context.WithCancel(context.Background())
	defer stopUploading()
	received, uploaded := make(chan error, 1), make(chan struct{})
	go func() { received <- p.receiver.run(receiving) }()
	go func() {
		defer close(uploaded)
		p.uploader.Run(uploading)
	}()
	defer func() {
		stopUploading()
		<-uploaded
	}()
	defer stopReceiving()
	ended := make(chan struct{})
	go func() { // the helper sends nothing
		defer close(ended)
		_, _ = p.helper.Read(make([]byte, 1))
	}()
	state, look, tidy := time.NewTicker(stateEvery), time.NewTicker(lookEvery), time.NewTicker(tidyEvery)
	defer state.Stop()
	defer look.Stop()
	defer tidy.Stop()
	canRead := sandbox.CanReadNames()
	for {
		select {
		case err := <-received:
			if err == nil && unix.Getppid() == p.parent { // the socket can only close with the helper
				err = errors.New("the socket for reports is closed")
			}
			return err
		case <-ended:
			return p.end(stopReceiving, received)
		case <-state.C:
			p.receiver.state()
		case <-tidy.C:
			p.Release()
		case <-look.C:
			if canRead && !sandbox.CanReadNames() {
				stopReceiving()
				<-received
				return sandbox.ErrNames
			}
		}
	}
}

// end stores all that has come, and sends it if that is quick. Meanwhile it gives the helper signs of life.
func (p *process) end(stopReceiving func(), received <-chan error) error {
	signs := time.NewTicker(signEvery)
	defer signs.Stop()
	p.sign()
	select {
	case <-p.hurry: // of a stop that reached all processes
	default:
	}
	p.receiver.isLast.Store(true)
	stopReceiving()
	var err error
	for waiting := true; waiting; {
		select {
		case err = <-received:
			waiting = false
		case <-signs.C:
			p.sign()
		}
	}
	isHurried := false
	look, enough := time.NewTicker(50*time.Millisecond), time.After(uploadTime)
	defer look.Stop()
	for !isHurried && unix.Getppid() == p.parent && p.spool.Stats().Reports > 0 {
		if s := p.uploader.State(); s.Phase != upload.Connected && s.Phase != upload.Starting {
			break // the sink is away
		}
		select {
		case <-signs.C:
			p.sign()
		case <-look.C:
		case <-p.hurry:
			isHurried = true
		case <-enough:
			isHurried = true
		}
	}
	if n := p.spool.Stats().Reports; n > 0 {
		p.Log.Infof("%d reports are stored, and will be sent when weir runs again", n)
	}
	return err
}

// sign gives the helper a sign of life.
func (p *process) sign() { _, _ = p.helper.Write([]byte{1}) }
