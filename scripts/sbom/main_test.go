// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgram: the bill of a program with modules names each of them once, with hash and licence, and twice the same.
func TestProgram(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "document")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "../../internal/config/document")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	texts := filepath.Join(folder, "licences")
	var last string
	for range 2 {
		if err := run([]string{program}, "v1.2.3", texts); err != nil {
			t.Fatal(err)
		}
		bill, err := os.ReadFile(program + ".cdx.json")
		if err != nil {
			t.Fatal(err)
		}
		if last != "" && last != string(bill) {
			t.Error("a second run gives another bill")
		}
		last = string(bill)
	}
	var d document
	if err := json.Unmarshal([]byte(last), &d); err != nil {
		t.Fatal(err)
	}
	licences := map[string]string{}
	for _, c := range d.Components {
		if len(c.Licences) != 1 || licences[c.Name] != "" || c.PURL != "pkg:golang/"+c.Name+"@"+c.Version {
			t.Errorf("component %+v", c)
			continue
		}
		licences[c.Name] = c.Licences[0].Licence.ID
	}
	if licences["std"] != "BSD-3-Clause" || licences["go.yaml.in/yaml/v3"] != "MIT" ||
		len(d.Dependencies[0].On) != len(licences) || d.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("%v of %+v", licences, d.Metadata)
	}
	text, err := os.ReadFile(texts)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go.yaml.in/yaml/v3@", "Go go1.", "The Go Authors", "Kirill Simonov"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the licences lack %q", want)
		}
	}
}

// TestIdentify: a licence has its identifier, and an unknown text has none.
func TestIdentify(t *testing.T) {
	const bsd = "Redistribution and use in source and\nbinary forms, with or without modification"
	for text, want := range map[string]string{
		"Apache License\n  Version 2.0, January 2004":                                      "Apache-2.0",
		"Mozilla Public License, version 2.0":                                              "MPL-2.0",
		"Permission is hereby granted, free of charge, to any person obtaining a copy":     "MIT",
		"Permission to use, copy, modify, and/or distribute this software for any purpose": "ISC",
		bsd:                           "BSD-2-Clause",
		bsd + "\nNeither the name of": "BSD-3-Clause",
		"All rights reserved.":        "",
	} {
		if got := identify(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
