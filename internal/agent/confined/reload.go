// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/explain"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/topology"
)

// reloader applies settings that the helper has read anew. Flows under way go on, and keep their names.
type reloader struct {
	request    func() (fds []int, payload []byte, err error)
	classifier *classify.Classifier
	explainer  *explain.Explainer
	network    *topology.Follower
	links      *links
	log        *logging.Logger
	applied    func() // tells the helper that it is done

	mu sync.Mutex // one reload at a time
}

// reload returns lines for people. An error has changed nothing.
func (r *reloader) reload() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fds, _, err := r.request()
	if err != nil {
		return nil, err
	}
	defer r.applied()
	settings, err := takeSettings(fds)
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	selection, err := topology.NewSelection(settings.Interfaces...)
	if err != nil {
		return nil, err
	}
	apps, err := catalog.LoadSources(settings.Catalogs)
	if err != nil {
		return nil, err
	}
	if err := r.network.SetSides(settings.Sides); err != nil {
		return nil, err
	}
	r.classifier.SetCatalog(apps)
	r.explainer.SetCatalog(apps)
	r.links.setSelection(selection)
	if err := r.log.SetLevel(settings.LogLevel); err != nil {
		return nil, err
	}
	for _, line := range settings.Lines {
		r.log.Infof("reload: %s", line)
	}
	agent.ReleaseMemory() // the former catalog's
	return settings.Lines, nil
}

// maxSettings bounds the settings in bytes; catalogs are the largest part.
const maxSettings = 64 << 20

// takeSettings reads settings from the descriptor that the helper has passed, and closes it.
func takeSettings(fds []int) (*agent.Settings, error) {
	if len(fds) != 1 {
		for _, fd := range fds {
			_ = os.NewFile(uintptr(fd), "settings").Close()
		}
		return nil, errors.New("the helper has passed none")
	}
	f := os.NewFile(uintptr(fds[0]), "settings")
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSettings))
	if err != nil {
		return nil, err
	}
	var s agent.Settings
	return &s, json.Unmarshal(text, &s)
}

// onHangup reloads at each SIGHUP, until ctx ends.
func (r *reloader) onHangup(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		refusal := (*helper.Error)(nil) // which the helper has logged
		if _, err := r.reload(); err != nil && !errors.As(err, &refusal) {
			r.log.Warnf("reload: %v", err)
		}
	}
}
