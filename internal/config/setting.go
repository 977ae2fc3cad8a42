// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one setting: a field of Config with its tags.
type Setting struct {
	Key         string // group.name
	Flag, Short string // without dashes
	Env         string
	Help        string
	commands    []string // commands that take the flag; none: all
	OneOf       []string // allowed values; nil: any
	min, max    string
	split       string // separates elements in the environment
	index       []int  // of the field in Config
}

// Group is a group of settings.
type Group struct {
	Key, Help string
	Settings  []Setting
}

// Groups returns all settings by group, in the order of the struct.
func Groups() (groups []Group) {
	all := reflect.TypeFor[Config]()
	for i := range all.NumField() {
		outer := all.Field(i)
		g := Group{Key: outer.Tag.Get("key"), Help: outer.Tag.Get("help")}
		for j := range outer.Type.NumField() {
			field := outer.Type.Field(j)
			s := Setting{
				Key: g.Key + "." + field.Tag.Get("key"), Help: field.Tag.Get("help"), commands: strings.Fields(
					field.Tag.Get("in")),
				OneOf: strings.Fields(field.Tag.Get("oneof")), min: field.Tag.Get("min"), max: field.Tag.Get("max"),
				split: cmp.Or(field.Tag.Get("split"), ","), index: []int{i, j},
			}
			s.Flag, s.Short, _ = strings.Cut(field.Tag.Get("flag"), ",")
			s.Env = "WEIR_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
			g.Settings = append(g.Settings, s)
		}
		groups = append(groups, g)
	}
	return groups
}

// Settings returns all settings, without their groups.
func Settings() (all []Setting) {
	for _, g := range Groups() {
		all = append(all, g.Settings...)
	}
	return all
}

// Name returns the setting's name within its group.
func (s *Setting) Name() string {
	_, name, _ := strings.Cut(s.Key, ".")
	return name
}

// IsFor reports whether a command takes the setting.
func (s *Setting) IsFor(command string) bool {
	return len(s.commands) == 0 || slices.Contains(s.commands, command)
}

// IsList reports whether the setting can have several values.
func (s *Setting) IsList() bool { return s.field(new(Config)).Kind() == reflect.Slice }

func (s *Setting) field(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(s.index)
}

// set gives the setting a value: one text, or one text per element of a list.
func (s *Setting) set(c *Config, texts []string) error {
	field := s.field(c)
	if field.Kind() != reflect.Slice {
		if len(texts) != 1 {
			return errors.New("must be one value")
		}
		return s.parse(field, texts[0])
	}
	list := reflect.MakeSlice(field.Type(), len(texts), len(texts))
	for i, text := range texts {
		if err := s.parse(list.Index(i), text); err != nil {
			return err
		}
	}
	field.Set(list)
	return nil
}

// parse sets a field from a text; a list's elements come one by one.
func (s *Setting) parse(field reflect.Value, text string) error {
	switch to := field.Addr().Interface().(type) {
	case *string:
		if len(s.OneOf) > 0 && text != "" && !slices.Contains(s.OneOf, text) {
			last := len(s.OneOf) - 1
			return fmt.Errorf("%q: must be %s or %s", text, strings.Join(s.OneOf[:last], ", "), s.OneOf[last])
		}
		*to = text
	case *bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q: must be true or false", text)
		}
		*to = text == "true"
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q: must be a number", text)
		}
		if s.min != "" && (n < number(s.min) || n > number(s.max)) {
			return fmt.Errorf("%d: must be %s to %s", n, s.min, s.max)
		}
		*to = n
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q: must be a time such as 90s or 5m", text)
		}
		if s.min != "" && (d < duration(s.min) || d > duration(s.max)) {
			return fmt.Errorf("%s: must be %s to %s", text, s.min, s.max)
		}
		*to = d
	case *netip.Prefix:
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("%q: must be a network such as 192.168.0.0/16 or 2001:db8::/32", text)
		}
		*to = p.Masked()
	default:
		return fmt.Errorf("no text for a %s", field.Type())
	}
	return nil
}

// number and duration parse the tags' numbers; a test parses all of them.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

// Texts returns the setting's value in c: one text, or one text per element of a list.
func (s *Setting) Texts(c *Config) []string {
	field := s.field(c)
	if field.Kind() != reflect.Slice {
		return []string{fmt.Sprint(field.Interface())}
	}
	texts := make([]string, field.Len())
	for i := range texts {
		texts[i] = fmt.Sprint(field.Index(i).Interface())
	}
	return texts
}

// Text returns the setting's value in c for people.
func (s *Setting) Text(c *Config) string { return cmp.Or(strings.Join(s.Texts(c), ", "), "-") }

// Commands returns the commands that take the setting; none means all that have settings.
func (s *Setting) Commands() []string { return s.commands }
