// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const (
	chart    = "../../deploy/helm/weir"
	manifest = "../../deploy/kubernetes/weir.yaml"
)

var update = flag.Bool("update", false, "write deploy/kubernetes/weir.yaml")

// render renders the chart with values, as helm template does, and returns its documents by file.
func render(t *testing.T, release, values string) (map[string]string, error) {
	t.Helper()
	c, err := loader.Load(chart)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: release, Namespace: "weir",
		IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	rendered, err := (engine.Engine{Strict: true}).Render(c, all)
	if err != nil {
		return nil, err
	}
	documents := map[string]string{}
	for name, text := range rendered {
		if filepath.Ext(name) == ".yaml" {
			documents[strings.TrimPrefix(name, "weir/templates/")] = text
		}
	}
	return documents, nil
}

// decode reads a document into the API's type. Members that the type lacks, and doubled ones, are mistakes.
func decode[T any](t *testing.T, text string) (object T) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), &object, yaml.DisallowUnknownFields); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return object
}

// objects are all that the chart makes.
type objects struct {
	daemons  appsv1.DaemonSet
	settings corev1.ConfigMap
	account  corev1.ServiceAccount
}

func decodeAll(t *testing.T, documents map[string]string) (o objects) {
	t.Helper()
	if names := slices.Sorted(maps.Keys(documents)); !slices.Equal(names, []string{"configmap.yaml", "daemonset.yaml",
		"serviceaccount.yaml"}) {
		t.Fatalf("the chart makes %q", names)
	}
	return objects{decode[appsv1.DaemonSet](t, documents["daemonset.yaml"]),
		decode[corev1.ConfigMap](t, documents["configmap.yaml"]),
		decode[corev1.ServiceAccount](t, documents["serviceaccount.yaml"])}
}

// TestLint: helm lint --strict has nothing to say.
func TestLint(t *testing.T) {
	for _, m := range lint.All(chart, map[string]any{}, "weir", true).Messages {
		if m.Severity >= support.WarningSev {
			t.Error(m)
		}
	}
}

// TestRights: a pod has the four capabilities of deploy/container and nothing else, and the folders that it needs.
func TestRights(t *testing.T) {
	documents, err := render(t, "weir", "")
	if err != nil {
		t.Fatal(err)
	}
	o := decodeAll(t, documents)
	pod := o.daemons.Spec.Template.Spec
	c := pod.Containers[0]
	s := c.SecurityContext
	if !slices.Equal(s.Capabilities.Add, []corev1.Capability{"BPF", "NET_ADMIN", "NET_RAW", "PERFMON"}) ||
		!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || *s.Privileged ||
		*s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem ||
		pod.HostPID || pod.HostIPC || !pod.HostNetwork || len(pod.Containers) != 1 ||
		*pod.AutomountServiceAccountToken || *o.account.AutomountServiceAccountToken {
		t.Errorf("%+v\n%+v", s, pod)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v.HostPath != nil
	}
	for _, m := range c.VolumeMounts {
		if onNode, ok := volumes[m.Name]; !ok || onNode != (m.MountPath == "/var/lib/weir") {
			t.Errorf("mount %+v of %v", m, volumes)
		}
	}
	if !maps.Equal(o.daemons.Spec.Selector.MatchLabels, map[string]string{"app.kubernetes.io/name": "weir",
		"app.kubernetes.io/instance": "weir"}) {
		t.Errorf("selector %v", o.daemons.Spec.Selector)
	}
	for name, want := range o.daemons.Spec.Selector.MatchLabels {
		if o.daemons.Spec.Template.Labels[name] != want {
			t.Errorf("the pods lack %s=%s", name, want)
		}
	}
	if pod.ServiceAccountName != o.account.Name || pod.Volumes[0].ConfigMap.Name != o.settings.Name {
		t.Error("the objects do not name each other")
	}
}

// TestValues: values reach the objects, weir takes the settings that they make, and others are refused.
func TestValues(t *testing.T) {
	for values, want := range map[string][]string{
		"": {"listen: 127.0.0.1:9167", "remote: false", "format: none", "state_dir: /var/lib/weir"},
		"metrics: {port: 9999, remote: true}\nsettings: {flows: {max: 1024}, capture: {interfaces: [eth0, 'cali*']}}": {
			"listen: 0.0.0.0:9999", "remote: true", "max: 1024", "- cali*", "format: none"},
		"settings: {uplink: {use: 'on'}}": {`use: "on"`, "state_dir: /var/lib/weir"},
	} {
		documents, err := render(t, "gate", values)
		if err != nil {
			t.Errorf("%s: %v", values, err)
			continue
		}
		o := decodeAll(t, documents)
		if o.daemons.Name != "gate-weir" {
			t.Errorf("the name is %q", o.daemons.Name)
		}
		text := o.settings.Data["weir.yaml"]
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is missing in\n%s", values, w, text)
			}
		}
		file := filepath.Join(t.TempDir(), "weir.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		check := exec.Command("go", "run", "./cmd/weir", "config", "check", file)
		check.Dir = "../.."
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("weir refuses the settings: %v\n%s", err, said)
		}
		port := o.daemons.Spec.Template.Spec.Containers[0].LivenessProbe.HTTPGet.Port.IntValue()
		if !strings.Contains(text, fmt.Sprintf(":%d\n", port)) {
			t.Errorf("the probe asks port %d", port)
		}
	}
	for _, values := range []string{"metrics: {port: 0}", "imag: {tag: x}", "state: {hostPath: here}",
		"image: {pullPolicy: Sometimes}"} {
		if _, err := render(t, "weir", values); err == nil {
			t.Errorf("%s is accepted", values)
		}
	}
}

// TestManifest: deploy/kubernetes/weir.yaml is what the chart makes with its own values.
func TestManifest(t *testing.T) {
	documents, err := render(t, "weir", "")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("# SPDX-License-Identifier: Apache-2.0\n#\n" +
		"# Made of deploy/helm/weir: go -C tools/helm test -run Manifest -update. DO NOT EDIT.\n" +
		"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: weir\n  labels:\n" +
		"    # The network and a folder of the node.\n    pod-security.kubernetes.io/enforce: privileged\n")
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		b.WriteString("---\n" + strings.TrimSpace(documents[name]) + "\n")
	}
	if *update {
		if err := os.WriteFile(manifest, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manifest)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the chart makes (%v): go test -run Manifest -update", manifest, err)
	}
	first, _, _ := strings.Cut(string(got), "\n---\n")
	if n := decode[corev1.Namespace](t, first); n.Name != "weir" {
		t.Errorf("namespace %q", n.Name)
	}
}
