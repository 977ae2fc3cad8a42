// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !Within(time.Minute, func() bool { return time.Since(began) > time.Second }) ||
			time.Since(began) > time.Second+look {
			t.Errorf("a condition that holds after a second: %v", time.Since(began))
		}
		if began = time.Now(); Within(time.Minute, func() bool { return false }) || time.Since(began) < time.Minute {
			t.Errorf("a condition that never holds was given up after %v", time.Since(began))
		}
		if began = time.Now(); Reached(func() bool { return false }) || time.Since(began) < Limit {
			t.Errorf("a condition that never holds was given up after %v", time.Since(began))
		}
	})
}

// failing is a test that records its failure, and then ends its goroutine.
type failing struct {
	testing.TB
	said chan string
}

func (*failing) Helper() {}

func (f *failing) Fatalf(format string, _ ...any) {
	f.said <- format
	runtime.Goexit()
}

func TestFor(t *testing.T) {
	c := make(chan int, 1)
	c <- 5
	if For(t, "a number", c) != 5 {
		t.Error("another number")
	}
	close(c)
	if For(t, "the end", c) != 0 {
		t.Error("a number after the end")
	}
}

func TestForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{t, make(chan string, 1)}
		began := time.Now()
		wait := For[int]
		go wait(f, "nothing", make(chan int))
		if said := <-f.said; !strings.Contains(said, "not within") || time.Since(began) != Limit {
			t.Errorf("%q after %v", said, time.Since(began))
		}
	})
}

func TestPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := false
		time.AfterFunc(time.Hour, func() { done = true })
		if Pass(time.Hour); !done {
			t.Error("due work is not finished")
		}
	})
	defer func() {
		if recover() == nil {
			t.Error("outside of a bubble it waits")
		}
	}()
	Pass(0)
}

func TestBlocked(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go readByte(r)
	Blocked(t, "wait.readByte")
	if isBlocked(stacks(), "wait.nowhere") {
		t.Error("a goroutine waits where none is")
	}
	w.Close()
	Until(t, "it is gone", func() bool { return !isBlocked(stacks(), "wait.readByte") })
}

func readByte(r *os.File) { _, _ = r.Read(make([]byte, 1)) }
