// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parameters are those of a URL, after its question mark. Each method reads one, and notes the first mistake; one that
// no method has read is a mistake, too.
type Parameters struct {
	values url.Values
	known  []string
	files  []string
	err    error
}

// NewParameters reads the text after a URL's question mark.
func NewParameters(query string) (*Parameters, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("the parameters: %w", err)
	}
	return &Parameters{values: values}, nil
}

func (p *Parameters) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// text returns a parameter's value, and whether it is there.
func (p *Parameters) text(name string) (value string, ok bool) {
	p.known = append(p.known, name)
	all, ok := p.values[name]
	if len(all) > 1 {
		p.fail("%s= may be there once", name)
	}
	if !ok {
		return "", false
	}
	return all[0], true
}

// Read has a function read a parameter, if it is there; its error says what must be written.
func (p *Parameters) Read(name string, read func(value string) error) {
	value, ok := p.text(name)
	if !ok {
		return
	}
	if err := read(value); err != nil {
		p.fail("%s=%s: %w", name, value, err)
	}
}

// Text returns a text.
func (p *Parameters) Text(name, other string) string {
	if value, ok := p.text(name); ok {
		return value
	}
	return other
}

// OneOf returns one of some texts, the first of which stands for none.
func (p *Parameters) OneOf(name string, texts ...string) string {
	value, ok := p.text(name)
	if !ok {
		return texts[0]
	}
	if !slices.Contains(texts, value) {
		p.fail("%s=%s: must be %s", name, value, strings.Join(texts, " or "))
	}
	return value
}

// List returns elements of a list, separated by commas.
func (p *Parameters) List(name string, known []string, others ...string) []string {
	value, ok := p.text(name)
	if !ok {
		return others
	}
	list := strings.Split(value, ",")
	for i, one := range list {
		if !slices.Contains(known, one) {
			p.fail("%s=%s: must be some of %s, separated by commas", name, value, strings.Join(known, ", "))
		} else if slices.Contains(list[:i], one) {
			p.fail("%s=%s: %s is there twice", name, value, one)
		}
	}
	return list
}

// Bool returns true or false, and false without the parameter.
func (p *Parameters) Bool(name string) bool { return p.OneOf(name, "false", "true") == "true" }

// Int returns a number within bounds.
func (p *Parameters) Int(name string, other, least, most int) int {
	value, ok := p.text(name)
	if !ok {
		return other
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		p.fail("%s=%s: must be a number from %d to %d", name, value, least, most)
	}
	return n
}

// Duration returns a time within bounds.
func (p *Parameters) Duration(name string, other, least, most time.Duration) time.Duration {
	value, ok := p.text(name)
	if !ok {
		return other
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > most {
		p.fail("%s=%s: must be a time from %s to %s, such as 90s or 24h", name, value, least, most)
	}
	return d
}

// units are those of sizes. The longest come first.
var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// Bytes returns a size within bounds.
func (p *Parameters) Bytes(name string, other, least, most int64) int64 {
	value, ok := p.text(name)
	if !ok {
		return other
	}
	n := math.NaN()
	for _, u := range units {
		if number, has := strings.CutSuffix(value, u.name); has {
			if f, err := strconv.ParseFloat(number, 64); err == nil {
				n = f * u.bytes
			}
			break
		}
	}
	if !(n >= float64(least) && n <= float64(most)) { // NaN is neither
		p.fail("%s=%s: must be a size from %s to %s, such as 100MB or 16MiB", name, value, size(least), size(most))
		return other
	}
	return int64(n)
}

func size(n int64) string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; n >= int64(u.bytes) && n%int64(u.bytes) == 0 {
			return strconv.FormatInt(n/int64(u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// File returns the path of a file that the helper opens for the process: its content is in Environment.Files.
func (p *Parameters) File(name string) string {
	value, ok := p.text(name)
	if !ok {
		return ""
	}
	if !filepath.IsAbs(value) {
		p.fail("%s=%s: must be the whole path of a file", name, value)
	}
	value = filepath.Clean(value)
	if !slices.Contains(p.files, value) {
		p.files = append(p.files, value)
	}
	return value
}

// Check returns the first mistake. All parameters have to be read before.
func (p *Parameters) Check() error {
	if p.err != nil {
		return p.err
	}
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !slices.Contains(p.known, name) {
			slices.Sort(p.known)
			return fmt.Errorf("no parameter %q: the parameters are %s", name, strings.Join(p.known, ", "))
		}
	}
	return nil
}
