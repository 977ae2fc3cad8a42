{{- define "weir.name" -}}
{{- if contains "weir" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-weir" (.Release.Name | trunc 47 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "weir.selector" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "weir.labels" -}}
{{ include "weir.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- /* The file of settings: the chart's own part belongs to the manifest around it. */}}
{{- define "weir.settings" -}}
{{- $metrics := dict "listen" (printf "%s:%d" (ternary "0.0.0.0" "127.0.0.1" .Values.metrics.remote) (int .Values.metrics.port)) "remote" .Values.metrics.remote }}
{{- $fixed := dict "metrics" $metrics "uplink" (dict "state_dir" "/var/lib/weir") }}
{{- toYaml (mustMergeOverwrite (deepCopy .Values.settings) $fixed) }}
{{- end }}
