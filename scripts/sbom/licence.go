// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// licence is a module's: the text that has to go with the program, and its SPDX identifier ("": not recognised).
type licence struct{ id, text string }

// licenceIn reads the licence in a module's folder, with its notice.
func licenceIn(folder string) (licence, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return licence{}, err
	}
	var l licence
	for _, f := range files {
		name := strings.ToUpper(f.Name())
		isLicence := strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") ||
			strings.HasPrefix(name, "COPYING")
		if f.IsDir() || !isLicence && !strings.HasPrefix(name, "NOTICE") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return licence{}, err
		}
		if isLicence && l.id == "" {
			l.id = identify(string(text))
		}
		l.text += string(text) + "\n"
	}
	if l.text == "" {
		return licence{}, fmt.Errorf("no licence in %s", folder)
	}
	return l, nil
}

// identify names a licence by sentences that only it has.
func identify(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(words string) bool { return strings.Contains(text, words) }
	switch {
	case has("Apache License") && has("Version 2.0, January 2004"):
		return "Apache-2.0"
	case has("Mozilla Public License") && has("2.0"):
		return "MPL-2.0"
	case has("Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software for any purpose"):
		return "ISC"
	case !has("Redistribution and use in source and binary forms"):
		return ""
	case has("Neither the name") || has("may be used to endorse or promote products"):
		return "BSD-3-Clause"
	}
	return "BSD-2-Clause"
}
