// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain: the test binary also is the program that hands a descriptor over to itself.
func TestMain(m *testing.M) {
	switch os.Getenv("HANDOVER_TEST") {
	case "":
		os.Exit(m.Run())
	case "exec":
		os.Exit(handOverTwice())
	}
}

// handOverTwice hands a file over until it has been through three programs, and prints what it has then.
func handOverTwice() int {
	s := Inherited()
	if fd := s.Take("file"); fd >= 0 {
		f := os.NewFile(uintptr(fd), "file")
		text := make([]byte, 64)
		n, _ := f.ReadAt(text, 0)
		if n == 2 {
			os.Stdout.WriteString(strconv.Itoa(os.Getpid()) + " " + string(text[:n]) + " " + strconv.FormatBool(s.Stop))
			return 0
		}
		_, _ = f.WriteAt([]byte("x"), int64(n))
		_ = s.Add("file", fd)
	} else {
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
		if err != nil || s.Add("file", fd) != nil {
			return 3
		}
	}
	_ = s.Exec(func() bool { return true })
	return 4
}

func TestExec(t *testing.T) {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), "HANDOVER_TEST=exec", "WEIR_HANDOVER=1,file=0")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := strconv.Itoa(c.Process.Pid) + " xx true"; string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// TestParse: what is broken, or another process's, names nothing; the rest has what it names.
func TestParse(t *testing.T) {
	const pid = 7
	for _, c := range []struct {
		text, want string
		stop       bool
	}{
		{text: "7,a=10,b.c=11", want: "a=10 b.c=11"},
		{text: "8,a=10"},
		{text: "a=10"},
		{text: "7,a=10,stop", want: "a=10", stop: true},
		{text: "7,a=2,b=-1,c=x,d=99999999999,e,=12", want: "=12"},
	} {
		var s Set
		s.parse(c.text, pid)
		var got []string
		for i, name := range s.Names {
			got = append(got, name+"="+strconv.Itoa(s.FDs[i]))
		}
		if strings.Join(got, " ") != c.want || s.Stop != c.stop {
			t.Errorf("%+v: %q, stop %t", c, got, s.Stop)
		}
		var again Set
		again.parse(strings.TrimPrefix(string(s.append(nil, pid)), variable+"="), pid)
		if !slices.Equal(again.Names, s.Names) || !slices.Equal(again.FDs, s.FDs) || again.Stop != s.Stop {
			t.Errorf("%+v: read again as %+v", s, again)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("7,a=10,stop")
	f.Fuzz(func(t *testing.T, text string) {
		var s Set
		s.parse(text, 7)
		if len(s.Names) != len(s.FDs) {
			t.Error("names without descriptors")
		}
		for _, fd := range s.FDs {
			if fd <= unix.Stderr {
				t.Errorf("descriptor %d", fd)
			}
		}
	})
}
