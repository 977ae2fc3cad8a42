// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/sandbox"
)

// ExportCommand is the sub-command of the process export, which calls export.Run.
const ExportCommand = "export"

// ExportFirst is that command's first argument if the agent starts, too; ExportAgain if only that process does.
const ExportFirst, ExportAgain = "first", "again"

// exportUser is the user and the group of export, where its folders allow that. See shipUser.
const exportUser = 65532

// exporter keeps the process export running.
type exporter struct {
	kept
	agent.Export
	user     int // export's; 0: this process's
	socket   net.Addr
	sockets  []*os.File // at which export listens; they outlive it
	removes  []func()
	launched bool
}

// openExport makes what export needs; nil if nothing is exported. The caller calls start, and then end.
func openExport(o *agent.Options, socket *controlSocket) (*exporter, error) {
	if len(o.Export.Args) == 0 {
		return nil, nil
	}
	if socket.listener == nil {
		return nil, fmt.Errorf("--to, --listen and --metrics-listen need the control socket, from which the records "+
			"come: %s", socket.absent)
	}
	x := &exporter{Export: o.Export, socket: socket.listener.Addr()}
	x.kept = kept{name: "export", does: "exports records", unmade: "the last records may not be exported",
		launch: x.launch, hear: x.hear, log: o.Log}
	files, err := x.open() // a mistake shows at once
	if err != nil {
		return nil, err
	}
	closeAll(files)
	if x.user, err = openExportFolders(o.Export.Folders); err != nil {
		return nil, err
	}
	if err := x.listen(); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// listen opens the sockets at which export listens. They stay open while it starts again.
func (x *exporter) listen() error {
	for _, open := range x.Sockets {
		socket, remove, err := open()
		if err != nil {
			return fmt.Errorf("--listen: %w", err)
		}
		x.sockets, x.removes = append(x.sockets, socket), append(x.removes, remove)
	}
	return nil
}

// close closes the sockets.
func (x *exporter) close() {
	closeAll(x.sockets)
	for _, remove := range x.removes {
		remove()
	}
}

// openExportFolders makes the folders that are missing, and returns export's user: its own if all folders are that
// user's, as those that weir makes, and the user reaches them, else 0.
func openExportFolders(folders []string) (user int, err error) {
	if sandbox.CanBecome() && !slices.ContainsFunc(folders, isHidden) {
		user = exportUser
	}
	for _, path := range folders {
		owner, err := openExportFolder(path, user)
		if err != nil {
			return 0, fmt.Errorf("--to: %w", err)
		}
		if owner != exportUser {
			user = 0
		}
	}
	return user, nil
}

// isHidden reports whether others cannot reach a folder.
func isHidden(folder string) bool {
	for at := filepath.Dir(folder); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil || info.Mode()&0o001 == 0 {
			return true
		}
		if at == "/" || at == "." {
			return false
		}
	}
}

// openExportFolder returns a folder's owner. If the folder is missing it makes it for a user.
func openExportFolder(path string, user int) (owner int, err error) {
	_, missing := os.Lstat(path)
	folder, err := openDirectory(path)
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	if errors.Is(missing, os.ErrNotExist) && user != 0 {
		if err := unix.Fchownat(int(folder.Fd()), "", user, user, unix.AT_EMPTY_PATH); err != nil {
			return 0, fmt.Errorf("give %s to user %d: %w", path, user, err)
		}
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(folder.Fd()), &s); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if s.Mode&0o002 != 0 {
		return 0, fmt.Errorf("%s: anybody may write there (chmod o-w %s)", path, path)
	}
	return int(s.Uid), nil
}

// open opens the files that export can't open itself.
func (x *exporter) open() (files []*os.File, err error) {
	for _, path := range x.Files {
		f, err := os.Open(path)
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("--to, --listen: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func (x *exporter) launch() (*sandbox.Child, error) {
	files, err := x.open()
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	args := []string{ExportCommand, ExportAgain}
	if !x.launched {
		args[1] = ExportFirst
	}
	x.launched = true
	return sandbox.Start(sandbox.Config{Role: sandbox.Export, Args: append(append(args, x.log.Args()...), x.Args...),
		Writable: x.Folders, User: x.user, Files: append(files[:len(files):len(files)], x.sockets...)})
}

// reachTime bounds the helper's wait for the agent, which may be too busy to take a connection.
const reachTime = 2 * time.Second

// hear gives export a connection to the agent, if it asks for one: it may open no socket of this user itself.
func (x *exporter) hear(c *net.UnixConn, message byte) {
	if message != export.Dial {
		return
	}
	if err := x.reach(c); err != nil {
		_, _ = c.Write([]byte{export.NoDial})
	}
}

func (x *exporter) reach(c *net.UnixConn) error {
	to, err := net.DialTimeout(x.socket.Network(), x.socket.String(), reachTime)
	if err != nil {
		return err
	}
	defer to.Close()
	file, err := to.(*net.UnixConn).File()
	if err != nil {
		return err
	}
	defer file.Close()
	_, _, err = c.WriteMsgUnix([]byte{export.Dial}, unix.UnixRights(int(file.Fd())), nil)
	return err
}

// start starts export.
func (x *exporter) start() {
	if x != nil {
		x.kept.start()
	}
}

// reopen has export open its files anew, which another program may have moved.
func (x *exporter) reopen() {
	if x != nil {
		x.signal(unix.SIGHUP)
	}
}

// end lets export write what it got. A signal hurries it.
func (x *exporter) end() {
	if x != nil {
		x.kept.end()
		x.close()
	}
}
