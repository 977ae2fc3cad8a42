// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/packet"
)

// player reads frames into the pipeline, until its context ends.
type player struct {
	options  *replayOptions
	filter   *packetFilter
	pipeline *engine.Pipeline
	progress *progress
	stderr   io.Writer

	began   time.Time
	frames  int // frames read, those that the filter refused included
	waited  bool
	origin  int64 // the capture's time at the start of the replay; with waited
	elapsed time.Duration
}

// all plays the inputs one after the other and joins their errors.
func (p *player) all(ctx context.Context, inputs []input) error {
	p.began = time.Now()
	defer func() { p.elapsed = time.Since(p.began) }()
	var errs error
	var before int64
	size := totalSize(inputs)
	for i := range inputs {
		if ctx.Err() != nil {
			return errors.Join(errs, errInterrupted)
		}
		p.progress.begin(size, before)
		err := p.lost(p.input(ctx, &inputs[i]))
		errs = errors.Join(errs, err)
		if errors.Is(err, errInterrupted) || p.pipeline.Err() != nil { // the output failed: Close reports it
			return errs
		}
		before += inputs[i].size
	}
	return errs
}

func (p *player) input(ctx context.Context, in *input) error {
	r, err := in.open()
	if err != nil {
		return err
	}
	defer r.Close()
	return p.file(ctx, r)
}

// file plays one file to its end, or to where it breaks off.
func (p *player) file(ctx context.Context, r *pcapfile.Reader) error {
	var in pcapfile.Frame
	var out engine.Frame
	places := interfaces{pipeline: p.pipeline}
	for {
		if err := r.Next(&in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if p.frames++; p.frames&0xfff == 0 {
			p.progress.update(r.Offset(), p.frames)
			if ctx.Err() != nil {
				return errInterrupted
			}
			if p.pipeline.Err() != nil {
				return nil
			}
		}
		if in.Interface >= len(places.links) {
			places.add(r.Interfaces())
		}
		link := places.links[in.Interface].LinkType
		if p.filter != nil {
			ok, err := p.filter.match(link, in.Data, in.Length)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
		}
		if p.options.realtime && !p.wait(ctx, in.Time) {
			return errInterrupted
		}
		out = engine.Frame{Data: in.Data, Length: in.Length, Time: in.Time, Link: link}
		places.set(&out, &in)
		p.pipeline.Frame(&out)
	}
}

// interfaces holds those of one file.
type interfaces struct {
	pipeline *engine.Pipeline
	links    []pcapfile.Interface
	numbers  []uint16          // by interface: the pipeline's number for its name
	origins  []uint64          // by interface: the same for one declared again, in another section
	known    map[string]uint64 // origins
}

// add registers the interfaces of all that are new.
func (i *interfaces) add(all []pcapfile.Interface) {
	if i.known == nil {
		i.known = map[string]uint64{}
	}
	for _, link := range all[len(i.links):] {
		name := link.Name
		if name == "" {
			name = "\x00" + strconv.Itoa(link.Number)
		}
		origin, ok := i.known[name]
		if !ok {
			origin = uint64(len(i.known) + 1)
			i.known[name] = origin
		}
		i.numbers, i.origins = append(i.numbers, i.pipeline.AddInterface(link.Name)), append(i.origins, origin)
	}
	i.links = all
}

// set sets a frame's interface and direction, as far as the file or the link's header shows them.
func (i *interfaces) set(f *engine.Frame, in *pcapfile.Frame) {
	f.Interface, f.Direction = i.numbers[in.Interface], in.Direction
	ifindex, direction := packet.Cooked(f.Link, in.Data)
	if f.Direction == packet.DirectionUnknown {
		f.Direction = direction
	}
	if len(i.known) > 1 || ifindex != 0 {
		f.Origin = i.origins[in.Interface]<<32 | uint64(ifindex)
	}
}

// lost returns err, unless it lost no packet: that is worth a warning, not a failure.
func (p *player) lost(err error) error {
	var format *pcapfile.FormatError
	if !errors.As(err, &format) || !format.Leftover {
		return err
	}
	p.progress.clear()
	fmt.Fprintln(p.stderr, "weir: warning:", err)
	return nil
}

// wait sleeps until the packet's time has come, counted from the first one, and reports whether it has: false if the
// context ended. It cuts gaps above a minute to a minute: a capture's clock may jump.
func (p *player) wait(ctx context.Context, at int64) bool {
	elapsed := time.Since(p.began)
	if !p.waited || at < p.origin {
		p.waited, p.origin = true, at-int64(elapsed)
	}
	gap := time.Duration(at-p.origin) - elapsed
	if gap > time.Minute {
		p.origin += int64(gap - time.Minute)
		gap = time.Minute
	}
	if gap <= 0 {
		return ctx.Err() == nil
	}
	over := time.NewTimer(gap)
	defer over.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-over.C:
		return true
	}
}
