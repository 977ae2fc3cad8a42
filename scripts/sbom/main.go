// SPDX-License-Identifier: Apache-2.0

// Command sbom tells what is in a Go program: its modules, as a bill of materials, and the texts of their licences.
// Both follow from the program and its modules alone, so that a second build gives the same bytes.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

const usage = `usage: sbom [-version VERSION] [-licences FILE] PROGRAM...

Writes PROGRAM.cdx.json (CycloneDX 1.6) beside each program, and to FILE the licences of all their modules. Run it in
the module that the programs are from: the modules' folders are found by go list.
`

func main() {
	version := flag.String("version", "unknown", "")
	texts := flag.String("licences", "", "")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()
	if err := run(flag.Args(), *version, *texts); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(programs []string, version, texts string) error {
	if len(programs) == 0 {
		return errors.New("needs a program (--help)")
	}
	all := map[string]licence{} // by module@version
	for _, name := range programs {
		info, err := buildinfo.ReadFile(name)
		if err != nil {
			return err
		}
		found, err := licences(info)
		if err != nil {
			return err
		}
		for module, of := range found {
			all[module] = of
		}
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(describe(name, version, sha256.Sum256(body), info, found), "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(name+".cdx.json", append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if texts == "" {
		return nil
	}
	return os.WriteFile(texts, together(all), 0o644)
}

// modules returns what a program is linked with, apart from its own module and Go.
func modules(info *buildinfo.BuildInfo) (all []*debug.Module) {
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, m)
	}
	return all
}

// licences finds the licence of each module, and of Go.
func licences(info *buildinfo.BuildInfo) (map[string]licence, error) {
	all := map[string]licence{}
	root, err := golang("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if all["Go "+info.GoVersion], err = licenceIn(strings.TrimSpace(root)); err != nil {
		return nil, err
	}
	var names []string
	for _, m := range modules(info) {
		names = append(names, m.Path)
	}
	if len(names) == 0 {
		return all, nil
	}
	text, err := golang(append([]string{"list", "-m", "-f", "{{.Path}}@{{.Version}} {{.Dir}}"}, names...)...)
	if err != nil {
		return nil, err
	}
	folders := map[string]string{}
	for line := range strings.Lines(text) {
		module, folder, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		folders[module] = folder
	}
	for _, m := range modules(info) {
		name := m.Path + "@" + m.Version
		folder := folders[name]
		if folder == "" {
			return nil, fmt.Errorf("%s is not the module of this folder's go.mod", name)
		}
		if all[name], err = licenceIn(folder); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

// golang returns what the go command prints.
func golang(arguments ...string) (string, error) {
	command := exec.Command("go", arguments...)
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", arguments[0], err)
	}
	return string(text), nil
}

// together joins the texts; modules with the same text share it.
func together(all map[string]licence) []byte {
	names := map[string][]string{} // by text
	for module, l := range all {
		names[l.text] = append(names[l.text], module)
	}
	var parts []string
	for text, of := range names {
		slices.Sort(of)
		parts = append(parts, strings.Join(of, "\n")+"\n\n"+strings.TrimSpace(text)+"\n")
	}
	slices.Sort(parts)
	return []byte("What weir is linked with, and on which terms.\n\n" +
		strings.Join(parts, "\n"+strings.Repeat("-", 80)+"\n"))
}

// The part of CycloneDX 1.6 that is used here (ecma-international.org, ECMA-424).
type (
	document struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type       string      `json:"type"`
		Ref        string      `json:"bom-ref"`
		Name       string      `json:"name"`
		Version    string      `json:"version"`
		PURL       string      `json:"purl,omitempty"`
		Hashes     []digest    `json:"hashes,omitempty"`
		Licences   []choice    `json:"licenses,omitempty"`
		Properties []nameValue `json:"properties,omitempty"`
	}
	digest struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	choice struct {
		Licence struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	nameValue struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

func describe(name, version string, sum [32]byte, info *buildinfo.BuildInfo, found map[string]licence) document {
	program := component{Type: "application", Ref: filepath.Base(name), Name: filepath.Base(name), Version: version,
		PURL: "pkg:golang/" + info.Path + "@" + version, Licences: choose("Apache-2.0"),
		Hashes: []digest{{"SHA-256", hex.EncodeToString(sum[:])}}}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || s.Key == "CGO_ENABLED" || s.Key == "-tags" {
			program.Properties = append(program.Properties, nameValue{"go:" + s.Key, s.Value})
		}
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	parts := []component{{Type: "library", Ref: "pkg:golang/std@" + std, Name: "std", Version: std,
		PURL: "pkg:golang/std@" + std, Licences: choose(found["Go "+info.GoVersion].id)}}
	for _, m := range modules(info) {
		url := "pkg:golang/" + m.Path + "@" + m.Version
		parts = append(parts, component{Type: "library", Ref: url, Name: m.Path, Version: m.Version, PURL: url,
			Licences: choose(found[m.Path+"@"+m.Version].id), Properties: []nameValue{{"go:sum", m.Sum}}})
	}
	on := dependency{Ref: program.Ref}
	for i := range parts {
		on.On = append(on.On, parts[i].Ref)
	}
	return document{Format: "CycloneDX", Spec: "1.6", Serial: serial(sum), Version: 1,
		Metadata: metadata{program}, Components: parts, Dependencies: []dependency{on}}
}

// serial makes a UUID of the program's hash (RFC 9562, version 8).
func serial(sum [32]byte) string {
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func choose(id string) []choice {
	if id == "" {
		return nil
	}
	var c choice
	c.Licence.ID = id
	return []choice{c}
}
