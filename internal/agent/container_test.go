// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

const container = "../../deploy/container/"

// image is a podman storage that holds only the image of deploy/container: no test contacts a registry.
type image struct{ storage []string }

const imageName = "localhost/weir:test"

func buildImage(t *testing.T) image {
	t.Helper()
	for _, program := range []string{"podman", "buildah", "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			lab.Lacks(t, program+" is not there; scripts/setup container installs it")
		}
	}
	// Not t.TempDir: with its long name a socket's path would exceed the kernel's limit.
	dir, err := os.MkdirTemp("", "weir-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	i := image{[]string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"),
		"--storage-driver", "vfs"}}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o",
		filepath.Join(dir, "bin", "weir-static"), "../../cmd/weir")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build weir: %v\n%s", err, text)
	}
	i.command(t, "buildah", "build", "--isolation", "chroot", "--file", container+"Containerfile", "--tag", imageName,
		filepath.Join(dir, "bin"))
	return i
}

func (i image) command(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, err := exec.CommandContext(ctx, program, append(i.storage, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, arguments[0], err, text)
	}
	return string(text)
}

// TestContainer runs weir in a container with only the rights that deploy/container/README.md lists.
func TestContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "podman and namespaces take root here")
	}
	image := buildImage(t)
	profile, err := filepath.Abs(container + "seccomp.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, user := range map[string]string{"root": "0:0", "nobody": "65534:65534"} {
		t.Run(name, func(t *testing.T) {
			client, server := lab.NewPair(t)
			serveHTTP(t, server)
			name := "weir-test-" + name
			r := launch(t, client, append(append([]string{"podman"}, image.storage...),
				"run", "--rm", "--name", name, "--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit",
				"nproc=1000:1000",
				"--network", "host", // the network namespace of podman itself
				"--user", user, "--read-only", "--security-opt", "no-new-privileges", "--security-opt", "seccomp="+
					profile,
				"--cap-drop", "all", "--cap-add", "BPF,NET_ADMIN,NET_RAW,PERFMON",
				imageName, "run", "--output", "ndjson", "--mode", "ebpf")...)
			t.Cleanup(func() { // in case the test fails
				_ = exec.Command("podman", append(image.storage, "rm", "--force", "--ignore", "--time", "0",
					name)...).Run()
			})
			r.Await("watching eth0, mode ebpf")
			if len(attached(t, client)) == 0 {
				t.Error("nothing is attached while weir watches: the check is blind")
			}
			getHTTP(t, client, server)

			image.command(t, "podman", "stop", "--time", "10", name)
			status := r.End(endTime)
			if status != 0 {
				t.Errorf("weir ended with %d; it said\n%s", status, r.Said)
			}
			named := false
			for _, f := range records(t, r.Stdout.String()) {
				named = named || f.all["protocol"] == "http" && f.Client.IP == client.Addr4.String() &&
					f.Server.IP == server.Addr4.String() &&
					f.Client.Packets >= 5 && f.Server.Packets >= 4
			}
			if !named {
				t.Errorf("no HTTP flow of %v with %v in\n%s", client.Addr4, server.Addr4, r.Stdout)
			}
			clean(t, client)
			if left := image.command(t, "podman", "ps", "--all", "--quiet"); left != "" {
				t.Errorf("the container is still there: %s", left)
			}
		})
	}
}

// serveHTTP answers on port 80 of a host.
func serveHTTP(t *testing.T, h *lab.Host) {
	t.Helper()
	var l net.Listener
	err := h.Do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(h.Addr4.String(), "80"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Hello.")
	})}
	go s.Serve(l) // returns ErrServerClosed
	t.Cleanup(func() { s.Close() })
}

// getHTTP requests a page over a new connection.
func getHTTP(t *testing.T, from, to *lab.Host) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network,
		address string) (c net.Conn, err error) {
		err = from.Do(func() error {
			c, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
			return err
		})
		return c, err
	}}
	answer, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get("http://" + to.Addr4.String() +
		"/")
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		err = errors.Join(err, answer.Body.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
