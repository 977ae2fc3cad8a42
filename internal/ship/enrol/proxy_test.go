// SPDX-License-Identifier: Apache-2.0

package enrol

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/uplink"
)

const folderVariable, codeVariable = "WEIR_TEST_ENROL_FOLDER", "WEIR_TEST_ENROL_CODE"

// TestProxy: a process whose environment names a proxy reaches the sink through it, and only there is the name known.
func TestProxy(t *testing.T) {
	if folder := os.Getenv(folderVariable); folder != "" {
		r := Request{Folder: folder, URL: "https://sink.invalid:8443", Code: os.Getenv(codeVariable)}
		if _, err := Enrol(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return
	}
	authority := sinktest.NewAuthority(t)
	code := uplink.NewCode(uplink.HashAuthority(authority.Certificate))
	s := &sink{code: code.String()}
	address := strings.TrimPrefix(start(t, s, authority.Sign(t, "sink.invalid")), "https://")
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		out, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		in, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer in.Close()
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		_, _ = io.Copy(in, out)
	}))
	defer proxy.Close()
	folder := t.TempDir()
	c := exec.Command(os.Args[0], "-test.run=^TestProxy$", "-test.v")
	c.Env = append(os.Environ(), folderVariable+"="+folder, codeVariable+"="+code.String(), "HTTPS_PROXY="+proxy.URL,
		"https_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := <-asked; got != "CONNECT sink.invalid:8443" {
		t.Errorf("the proxy was asked %q", got)
	}
	if _, _, err := Load(folder); err != nil {
		t.Error(err)
	}
}
