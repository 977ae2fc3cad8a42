// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/uplink"
)

type bench struct {
	t    *testing.T
	path string
	now  time.Time
	*Registry
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "agents.json"), now: time.Unix(1_800_000_000, 0)}
	b.reopen()
	return b
}

func (b *bench) reopen() {
	b.t.Helper()
	r, err := Open(b.path, func() time.Time { return b.now })
	if err != nil {
		b.t.Fatal(err)
	}
	b.Registry = r
}

func (b *bench) code(name string) uplink.Code {
	b.t.Helper()
	c, expires, err := b.NewCode(name, [16]byte{1})
	if err != nil || !expires.Equal(b.now.Add(CodeLife)) || c.Authority != [16]byte{1} {
		b.t.Fatalf("%v %v", expires, err)
	}
	return c
}

func newKey(t *testing.T) ed25519.PublicKey {
	t.Helper()
	key, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestLife: an agent enrols with a code, once; it is known after a restart; a revoked one is not.
func TestLife(t *testing.T) {
	b := newBench(t)
	code, key := b.code("gw"), newKey(t)
	a, err := b.Enrol(code, key, "v1")
	if err != nil || a.ID != uplink.AgentID(key) || a.Name != "gw" || a.Version != "v1" {
		t.Fatalf("%+v %v", a, err)
	}
	b.reopen()
	if known, ok := b.Key(a.ID); !ok || !bytes.Equal(known, key) {
		t.Error("the agent is not known after a restart")
	}
	if again, err := b.Enrol(code, key, "v1"); err != nil || again.ID != a.ID {
		t.Errorf("the same agent again: %v", err)
	}
	if _, err := b.Enrol(code, newKey(t), ""); !errors.Is(err, ErrCode) {
		t.Errorf("another agent with the same code: %v", err)
	}
	if _, _, err := b.NewCode("gw", [16]byte{}); !errors.Is(err, ErrTaken) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := b.Revoke(a.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, ok := b.Key(a.ID); ok || len(b.List()) != 1 || b.List()[0].Revoked == nil {
			t.Error("a revoked agent may report")
		}
		b.reopen()
	}
	if _, err := b.Enrol(code, key, ""); !errors.Is(err, ErrCode) {
		t.Errorf("a revoked agent with its old code: %v", err)
	}
	if _, err := b.Enrol(b.code("gw"), key, ""); err != nil {
		t.Errorf("a revoked agent with a new code: %v", err)
	}
	if _, ok := b.Key(a.ID); !ok || len(b.List()) != 1 {
		t.Errorf("agents %+v", b.List())
	}
	if err := b.Revoke("unknown"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// TestExpiry: a code ends after an hour, to the moment.
func TestExpiry(t *testing.T) {
	b := newBench(t)
	late, early := b.code("a"), b.code("b")
	b.now = b.now.Add(CodeLife - 1)
	if _, err := b.Enrol(early, newKey(t), ""); err != nil {
		t.Error(err)
	}
	b.now = b.now.Add(1)
	if _, err := b.Enrol(late, newKey(t), ""); !errors.Is(err, ErrCode) {
		t.Error(err)
	}
}

// TestSecret: the file has no code, and is for the owner alone.
func TestSecret(t *testing.T) {
	b := newBench(t)
	code := b.code("gw")
	text, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), base32.StdEncoding.EncodeToString(code.Secret[:])) ||
		strings.Contains(string(text), code.String()[:6]) || bytes.Contains(text, code.Secret[:]) {
		t.Errorf("the file has the code: %s", text)
	}
	if info, err := os.Stat(b.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if all, _ := os.ReadDir(filepath.Dir(b.path)); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}

// TestOnce: of many agents that use one code at the same time, one gets in.
func TestOnce(t *testing.T) {
	b := newBench(t)
	code := b.code("gw")
	var got atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		key := newKey(t)
		all.Go(func() {
			if _, err := b.Enrol(code, key, ""); err == nil {
				got.Add(1)
			} else if !errors.Is(err, ErrCode) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 || len(b.List()) != 1 {
		t.Errorf("%d got in", got.Load())
	}
}

// TestDisk: what can't be saved has not happened.
func TestDisk(t *testing.T) {
	b := newBench(t)
	code := b.code("gw")
	folder := filepath.Dir(b.path)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	if _, err := b.Enrol(code, key, ""); err == nil || errors.Is(err, ErrCode) {
		t.Errorf("enrolled without a disk: %v", err)
	}
	if _, ok := b.Key(uplink.AgentID(key)); ok {
		t.Error("an agent that is not on disk may report")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Enrol(code, key, ""); err != nil {
		t.Errorf("the code is lost: %v", err)
	}
}

// TestBadFile: a file that is damaged is not taken for an empty one.
func TestBadFile(t *testing.T) {
	b := newBench(t)
	if _, err := b.Enrol(b.code("gw"), newKey(t), ""); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{text[:len(text)/2], {}, bytes.Replace(text, []byte(`"id": "`), []byte(`"id": "0`), 1),
		[]byte(`{"agents":[null]}`)} {
		if err := os.WriteFile(b.path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(b.path, time.Now); err == nil || !strings.Contains(err.Error(), b.path+" is damaged") ||
			!strings.Contains(err.Error(), "enrol the agents again") {
			t.Errorf("opened %.40q: %v", bad, err)
		}
	}
}

func TestNames(t *testing.T) {
	b := newBench(t)
	for name, isGood := range map[string]bool{"gw": true, "Büro 1": true, strings.Repeat("x", MaxName): true, "": false,
		strings.Repeat("x", MaxName+1): false, " gw": false, "a\nb": false, "a\x1b[1m": false, "\xff": false} {
		if _, _, err := b.NewCode(name, [16]byte{}); (err == nil) != isGood {
			t.Errorf("%q: %v", name, err)
		}
	}
	for i := 0; ; i++ {
		if _, _, err := b.NewCode(fmt.Sprint("more ", i), [16]byte{}); errors.Is(err, ErrFull) {
			break
		} else if err != nil || i > maxCodes {
			t.Fatalf("after %d codes: %v", i, err)
		}
	}
	b.now = b.now.Add(CodeLife)
	b.code("room again")
}

// TestSameName: of two codes for a name the later is valid, so no two agents have it.
func TestSameName(t *testing.T) {
	b := newBench(t)
	old := b.code("gw")
	fresh := b.code("gw")
	if _, err := b.Enrol(old, newKey(t), ""); !errors.Is(err, ErrCode) {
		t.Errorf("the earlier code: %v", err)
	}
	if _, err := b.Enrol(fresh, newKey(t), ""); err != nil {
		t.Errorf("the later code: %v", err)
	}
}
