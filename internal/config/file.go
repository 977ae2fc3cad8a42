// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a file in bytes: all settings with their comments take five kilobytes.
const maxFile = 1 << 20

// maxMistakes bounds the mistakes reported of one file.
const maxMistakes = 20

// mistake is an error at a place in a file.
type mistake struct {
	file         string
	line, column int // from 1; 0: not known
	text         string
	source       []byte
}

// Error gives the place, the text, and the line with its predecessor.
func (m *mistake) Error() string {
	var b strings.Builder
	b.WriteString(m.file)
	if m.line > 0 {
		fmt.Fprintf(&b, ":%d", m.line)
	}
	b.WriteString(": " + m.text)
	lines := bytes.Split(m.source, []byte("\n"))
	for n := max(m.line-1, 1); n <= m.line && n <= len(lines); n++ {
		fmt.Fprintf(&b, "\n%5d | %s", n, shown(lines[n-1]))
	}
	if m.line > 0 && m.line <= len(lines) && m.column > 0 && m.column <= len(shown(lines[m.line-1])) {
		fmt.Fprintf(&b, "\n      | %*s", m.column, "^")
	}
	return b.String()
}

// shown returns a line of a file in a form safe for terminals.
func shown(line []byte) string {
	const most = 100
	var b strings.Builder
	for _, r := range string(line[:min(len(line), most)]) {
		if r == '\t' {
			r = ' '
		}
		if !strconv.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ")
}

// value is a setting's value in a file.
type value struct {
	texts []string
	line  int
}

// parseFile returns a file's values by key. Its error reports all mistakes, each with its place.
func parseFile(name string, source []byte) (map[string]value, error) {
	f := file{name: name, source: source, values: map[string]value{}}
	if len(source) > maxFile {
		f.wrong(nil, "larger than 1 MiB")
		return nil, errors.Join(f.mistakes...)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return f.values, nil // nothing but comments
	case err != nil:
		f.syntax(err)
	default:
		f.document(document.Content[0])
		if err := decoder.Decode(new(yaml.Node)); err == nil {
			f.wrong(nil, "more than one document")
		} else if !errors.Is(err, io.EOF) {
			f.syntax(err)
		}
	}
	if len(f.mistakes) > 0 {
		return nil, errors.Join(f.mistakes[:min(len(f.mistakes), maxMistakes)]...)
	}
	return f.values, nil
}

// file is a file during parsing.
type file struct {
	name     string
	source   []byte
	values   map[string]value
	mistakes []error
}

func (f *file) wrong(at *yaml.Node, format string, args ...any) {
	m := &mistake{file: f.name, text: fmt.Sprintf(format, args...), source: f.source}
	if at != nil {
		m.line, m.column = at.Line, at.Column
	}
	f.mistakes = append(f.mistakes, m)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax extracts the line number from the YAML package's error.
func (f *file) syntax(err error) {
	text := err.Error()
	m := &mistake{file: f.name, source: f.source, text: "not YAML: " + yamlLine.ReplaceAllString(text, "")}
	if found := yamlLine.FindStringSubmatch(text); found != nil && found[1] != "" {
		m.line, _ = strconv.Atoi(found[1])
	}
	f.mistakes = append(f.mistakes, m)
}

func (f *file) document(root *yaml.Node) {
	groups := Groups()
	f.mapping(root, "the file", func(key, content *yaml.Node) {
		i := slices.IndexFunc(groups, func(g Group) bool { return g.Key == key.Value })
		if i < 0 {
			f.unknown(key, groups, nil)
			return
		}
		f.mapping(content, key.Value, func(key, content *yaml.Node) { f.setting(groups, &groups[i], key, content) })
	})
}

// mapping visits the members of a mapping and refuses duplicates; an empty value counts as an empty mapping.
func (f *file) mapping(n *yaml.Node, name string, visit func(key, content *yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		f.wrong(n, "%s: must have settings below it, each a name, a colon and a value", name)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			f.wrong(key, "not the name of a setting")
			continue
		}
		if line, again := seen[key.Value]; again {
			f.wrong(key, "%q is already set in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		visit(key, n.Content[i+1])
	}
}

func (f *file) setting(groups []Group, g *Group, key, content *yaml.Node) {
	i := slices.IndexFunc(g.Settings, func(s Setting) bool { return s.Name() == key.Value })
	if i < 0 {
		f.unknown(key, groups, g)
		return
	}
	s := &g.Settings[i]
	nodes := []*yaml.Node{content}
	if s.IsList() && content.Kind == yaml.SequenceNode {
		nodes = content.Content
	}
	v := value{texts: []string{}, line: key.Line}
	for _, n := range nodes {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			f.wrong(n, "%s: must be %s", s.Key, onlyIf(s.IsList(), "a list of values", "one value"))
			return
		}
		one := []string{n.Value}
		if err := s.set(new(Config), one); err != nil {
			f.wrong(n, "%s: %v", s.Key, err)
			return
		}
		v.texts = append(v.texts, n.Value)
	}
	f.values[s.Key] = v
}

func onlyIf(when bool, yes, no string) string {
	if when {
		return yes
	}
	return no
}

// unknown reports an unknown key, and suggests the nearest name: of the group at hand (nil: of the file), else of
// another group, flag names included.
func (f *file) unknown(key *yaml.Node, groups []Group, at *Group) {
	best, distance := "", max(len(key.Value)/3, 2)+1
	offer := func(name, key string, wanted string) {
		if d := EditDistance(name, wanted); d < distance {
			best, distance = key, d
		}
	}
	wanted := key.Value[:min(len(key.Value), 64)]
	for _, g := range groups {
		if at == nil {
			offer(g.Key, g.Key, wanted)
		}
		for _, s := range g.Settings {
			name := onlyIf(at != nil && at.Key == g.Key, s.Name(), s.Key)
			offer(s.Name(), name, wanted)
			offer(s.Flag, name, wanted)
			offer(strings.ReplaceAll(s.Flag, "-", "_"), name, wanted)
			offer(s.Key, name, wanted)
		}
	}
	text := fmt.Sprintf("unknown key %q", key.Value)
	if at != nil {
		text += " in " + at.Key
	}
	if best != "" {
		text += fmt.Sprintf("; did you mean %q?", best)
	}
	f.wrong(key, "%s", text)
}

// ReadFile returns the defaults with a file's settings, or all mistakes in the file.
func ReadFile(name string) (*Config, error) {
	source, err := readFile(name)
	if err != nil {
		return nil, err
	}
	values, err := parseFile(name, source)
	if err != nil {
		return nil, err
	}
	c, all := Default(), Settings()
	for i := range all {
		if v, ok := values[all[i].Key]; ok {
			err = errors.Join(err, all[i].set(c, v.texts)) // parseFile has set each alone
		}
	}
	return c, err
}

// readFile reads at most one byte more than the limit, so that parseFile notices the excess.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Write writes c as a file, with each setting's help text.
func Write(out io.Writer, c *Config) error {
	var b bytes.Buffer
	for i, g := range Groups() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "# %s\n%s:\n", g.Help, g.Key)
		for j := range g.Settings {
			s := &g.Settings[j]
			fmt.Fprintf(&b, "  # %s\n  %s: %s\n", s.Help, s.Name(), s.yaml(c))
		}
	}
	_, err := out.Write(b.Bytes())
	return err
}

// yaml formats the setting's value in c for a file.
func (s *Setting) yaml(c *Config) string {
	texts := s.Texts(c)
	for i, text := range texts {
		if !plain.MatchString(text) {
			texts[i] = strconv.Quote(text) // YAML understands Go's escapes
		}
	}
	if s.IsList() {
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return cmp.Or(texts[0], `""`)
}

// plain matches values that need no quotes in YAML.
var plain = regexp.MustCompile(`^[0-9A-Za-z/][0-9A-Za-z/._-]*$`)
