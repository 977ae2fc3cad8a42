// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// EnvFile is the environment variable that names the file.
const EnvFile = "WEIR_CONFIG"

// The names of variables that set a setting, and of those that replace its default: a service has these, so that the
// file can override them.
const envPrefix, envDefault = "WEIR_", "WEIR_DEFAULT_"

// Loader assembles a command's configuration.
type Loader struct {
	// Config is the configuration in force; Load fills it.
	Config Config

	command string
	file    string              // of the flag; after Load the one that was read
	flags   map[string][]string // values by key, of the flags on the command line
	wrong   []error             // the flags' errors
	sources map[string]string   // by key
}

// NewLoader returns a Loader for a command: run, top or replay, or "" for all settings.
func NewLoader(command string) *Loader {
	return &Loader{Config: *Default(), command: command, flags: map[string][]string{}, sources: map[string]string{}}
}

// AddFileFlag adds the flag that names the file.
func (l *Loader) AddFileFlag(f *pflag.FlagSet) {
	f.StringVar(&l.file, "config", "", "file with settings (weir config default prints one; default: the "+
		"file in WEIR_CONFIG)")
}

// AddFlags adds the command's flags. Call Load after parsing them.
func (l *Loader) AddFlags(f *pflag.FlagSet) {
	l.AddFileFlag(f)
	for _, s := range Settings() {
		if !s.IsFor(l.command) {
			continue
		}
		v := &flagValue{setting: s, loader: l}
		flag := f.VarPF(v, s.Flag, s.Short, s.Help)
		if v.Type() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// Knows reports whether AddFlags added a flag.
func (l *Loader) Knows(flag string) bool {
	return flag == "config" || slices.ContainsFunc(Settings(), func(s Setting) bool {
		return s.Flag == flag &&
			s.IsFor(l.command)
	})
}

// Load reads the file, lets the environment override it, and the flags override both. Variables of envDefault replace
// defaults.
func (l *Loader) Load() error {
	all := Settings()
	l.Config = *Default()
	name := l.file
	if name == "" {
		name = os.Getenv(EnvFile)
	}
	l.file = name
	values := map[string]value{}
	if name != "" {
		source, err := readFile(name)
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		if values, err = parseFile(name, source); err != nil {
			return err
		}
	}
	wrong := slices.Clone(l.wrong)
	for i := range all {
		s := &all[i]
		l.sources[s.Key] = "default"
		wrong = append(wrong, l.setByEnv(s, envDefault+strings.TrimPrefix(s.Env, envPrefix)))
		if v, ok := values[s.Key]; ok {
			wrong = append(wrong, s.set(&l.Config, v.texts))
			l.sources[s.Key] = fmt.Sprintf("%s:%d", name, v.line)
		}
		wrong = append(wrong, l.setByEnv(s, s.Env))
		if texts, ok := l.flags[s.Key]; ok {
			wrong = append(wrong, s.set(&l.Config, texts)) // parsed above, one by one
			l.sources[s.Key] = "--" + s.Flag
		}
	}
	return errors.Join(wrong...)
}

// setByEnv gives a setting the value of an environment variable, unless that is empty.
func (l *Loader) setByEnv(s *Setting, name string) error {
	text := os.Getenv(name)
	if text == "" {
		return nil
	}
	texts := []string{text}
	if s.IsList() {
		texts = elements(text, s.split)
	}
	l.sources[s.Key] = name
	if err := s.set(&l.Config, texts); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Reload reads the file anew, as Load does, without a change of l. A file of that process's start stays the file.
func (l *Loader) Reload() (*Config, error) {
	again := &Loader{command: l.command, file: l.file, flags: l.flags, wrong: l.wrong, sources: map[string]string{}}
	if err := again.Load(); err != nil {
		return nil, err
	}
	return &again.Config, nil
}

// Copy gives a setting the value that it has in another configuration.
func (s *Setting) Copy(to, from *Config) { s.field(to).Set(s.field(from)) }

// elements splits a list from the environment at its commas, or what else separates its elements.
func elements(text, separator string) (list []string) {
	for e := range strings.SplitSeq(text, separator) {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}

// Source says where a setting's value comes from: the default, a line of the file, an environment variable, or a flag.
func (l *Loader) Source(s *Setting) string { return l.sources[s.Key] }

// Args returns flags that give another process of the same command this configuration, whatever file and environment
// that process reads.
func (l *Loader) Args() (args []string) {
	for _, s := range Settings() {
		if !s.IsFor(l.command) || l.sources[s.Key] == "default" {
			continue
		}
		for _, text := range s.Texts(&l.Config) {
			args = append(args, "--"+s.Flag+"="+text)
		}
	}
	return args
}

// flagValue passes a flag's value on to a setting.
type flagValue struct {
	setting Setting
	loader  *Loader
}

// Set checks a value and keeps it for Load. List flags accumulate.
func (v *flagValue) Set(text string) error {
	texts := []string{text}
	if v.Type() == "ints" || v.setting.IsList() && len(v.setting.OneOf) > 0 {
		texts = elements(text, ",")
	}
	if err := v.setting.set(new(Config), texts); err != nil {
		// Load reports it in our words instead of pflag's.
		v.loader.wrong = append(v.loader.wrong, fmt.Errorf("--%s %w", v.setting.Flag, err))
		return nil
	}
	if v.setting.IsList() {
		texts = append(v.loader.flags[v.setting.Key], texts...)
	}
	v.loader.flags[v.setting.Key] = texts
	return nil
}

// String returns the default, for help texts.
func (v *flagValue) String() string {
	if v.loader == nil {
		return "" // pflag calls String on a zero value
	}
	texts := v.setting.Texts(Default())
	if v.setting.IsList() || len(texts) == 1 && (texts[0] == "false" || texts[0] == "0" || texts[0] == "0s") {
		return ""
	}
	return texts[0]
}

// Type names the value in help texts.
func (v *flagValue) Type() string {
	switch v.setting.field(new(Config)).Interface().(type) {
	case bool:
		return "bool"
	case int:
		return "int"
	case []int:
		return "ints"
	case time.Duration:
		return "duration"
	case []netip.Prefix:
		return "network"
	}
	return "string"
}
