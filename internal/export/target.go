// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/match"
	"github.com/weirnet/weir/internal/record"
)

// Kind is a kind of output.
type Kind struct {
	Name    string   // in status and counters
	Schemes []string // of its URLs
	Example string   // a URL
	// Parse checks a URL's host, path and own parameters.
	Parse func(u *url.URL, p *Parameters) (*Made, error)
}

// Made is what a Kind makes of a URL.
type Made struct {
	// Folder is what the output writes in; "": nothing.
	Folder string
	// Path is what it writes to, which no other output may; "": nothing.
	Path string
	// Open makes the output, in the process. It neither waits nor opens what may be away: the first Write does.
	Open func(e *Environment) (Output, error)
}

// Environment is what an output may use in the process.
type Environment struct {
	Log func(format string, args ...any)
	// Files has the contents of the files that parameters name (Parameters.File): the process can't open them itself.
	Files map[string][]byte
	// Version is weir's.
	Version string
}

// Target is an output as the settings name it.
type Target struct {
	Kind  *Kind
	URL   string
	Where string   // in the filter language
	Types []string // of records
	Live  bool     // also records of live flows
	Queue int64    // bytes
	Made  *Made

	host  string
	files []string
}

// String names the output for people.
func (t *Target) String() string {
	name, _, _ := strings.Cut(t.URL, "?")
	return name
}

// Plan is all that the settings want of the process.
type Plan struct {
	Targets []*Target
	Folders []string // in which it writes
	Files   []string // that the helper opens for it, see Environment.Files
}

// Limits of a plan.
const (
	maxTargets = 16
	// maxStreams bounds the streams of the agent (confined.maxFollowers): outputs that want the same records share one.
	maxStreams = 8
	// minQueue has room for the largest line.
	minQueue, defaultQueue, maxQueue = 1 << 20, 16 << 20, 1 << 30
	// maxQueued bounds the records of a queue, whatever their size.
	maxQueued = 1 << 20
)

// NewPlan reads the URLs of outputs. Its error names each that is wrong, and says what to write.
func NewPlan(kinds []*Kind, urls []string) (*Plan, error) {
	var p Plan
	var wrong []error
	if len(urls) > maxTargets {
		return nil, fmt.Errorf("export.to: %d outputs: at most %d", len(urls), maxTargets)
	}
	for _, text := range urls {
		t, err := parse(kinds, text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("export.to: %q: %w", text, err))
			continue
		}
		for _, other := range p.Targets {
			if t.Made.Path != "" && other.Made.Path == t.Made.Path {
				wrong = append(wrong, fmt.Errorf("export.to: %q: another output writes there, too", text))
			}
		}
		p.add(t)
	}
	if n := len(p.streams()); n > maxStreams {
		wrong = append(wrong, fmt.Errorf("export.to: %d different choices of records (where=, types=, live=): at most "+
			"%d", n, maxStreams))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return &p, nil
}

func (p *Plan) add(t *Target) {
	p.Targets = append(p.Targets, t)
	if f := t.Made.Folder; f != "" && !slices.Contains(p.Folders, f) {
		p.Folders = append(p.Folders, f)
	}
	for _, f := range t.files {
		if !slices.Contains(p.Files, f) {
			p.Files = append(p.Files, f)
		}
	}
}

// resolves reports whether an output's peer is known by its name.
func (p *Plan) resolves() bool {
	return slices.ContainsFunc(p.Targets, func(t *Target) bool {
		_, err := netip.ParseAddr(t.host)
		return t.Made.Path == "" && err != nil
	})
}

// parse reads one URL.
func parse(kinds []*Kind, text string) (*Target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	kind := find(kinds, u.Scheme)
	if kind == nil {
		return nil, fmt.Errorf("must begin with %s", schemes(kinds))
	}
	if u.Fragment != "" {
		return nil, errors.New("a # must be written %23")
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("a password may not be in a URL, which others see: put it into a file, and write " +
			"password_file=/PATH")
	}
	parameters, err := NewParameters(u.RawQuery)
	if err != nil {
		return nil, err
	}
	t := &Target{Kind: kind, URL: text, host: u.Hostname()}
	t.common(parameters)
	made, err := kind.Parse(u, parameters)
	if err == nil {
		err = parameters.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("%w (an example: %s)", err, kind.Example)
	}
	t.Made, t.files = made, parameters.files
	return t, nil
}

func find(kinds []*Kind, scheme string) *Kind {
	for _, k := range kinds {
		if slices.Contains(k.Schemes, scheme) {
			return k
		}
	}
	return nil
}

func schemes(kinds []*Kind) string {
	var all []string
	for _, k := range kinds {
		for _, s := range k.Schemes {
			all = append(all, s+"://")
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// common reads the parameters of all kinds.
func (t *Target) common(p *Parameters) {
	t.Where = p.Text("where", "")
	expr, err := filter.Parse(t.Where)
	if err == nil {
		_, err = match.Compile(expr, "", func(string, [6]byte, netip.Addr) bool { return false })
	}
	t.Types = p.List("types", Types, "flow")
	if types, typesErr := record.ParseTypes(t.Types); err == nil && typesErr == nil && types&record.TypeEvents != 0 {
		err = match.CheckEvents(expr)
	}
	if err != nil {
		p.fail("where=: %v", err)
	}
	t.Live = p.Bool("live")
	t.Queue = p.Bytes("queue", defaultQueue, minQueue, maxQueue)
}

// FilePath returns the path of a URL without a host, which has to be a file's.
func FilePath(u *url.URL) (string, error) {
	switch {
	case u.Host != "":
		return "", fmt.Errorf("%s:// is followed by a path, so by a third slash", u.Scheme)
	case u.User != nil:
		return "", errors.New("a file has no user")
	case !filepath.IsAbs(u.Path) || strings.HasSuffix(u.Path, "/"):
		return "", errors.New("the path of a file is missing")
	}
	return filepath.Clean(u.Path), nil
}

// stream is a choice of records.
type stream struct {
	where string
	types string // separated by commas
	live  bool
}

func (t *Target) stream() stream {
	types := slices.Clone(t.Types)
	slices.Sort(types)
	return stream{t.Where, strings.Join(types, ","), t.Live}
}

// streams returns the different choices of records, in the order of the outputs.
func (p *Plan) streams() (all []stream) {
	for _, t := range p.Targets {
		if s := t.stream(); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
