{{- define "voice-gateway.name" -}}
{{- printf "%s" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "voice-gateway.selector" -}}
app.kubernetes.io/name: voice-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "voice-gateway.labels" -}}
{{ include "voice-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
{{- /* The names by which clients in the cluster find the service, and those of the values. */ -}}
{{- define "voice-gateway.hosts" -}}
{{- $name := include "voice-gateway.name" . -}}
{{- $service := printf "%s.%s.svc" $name .Release.Namespace -}}
{{- concat (list $name (trimSuffix ".svc" $service) $service (printf "%s.cluster.local" $service)) .Values.http.allowedHosts | join "," -}}
{{- end -}}
{{- /* What peers are told: the configured address, else the node's. */ -}}
{{- define "voice-gateway.publicAddress" -}}
{{- if .Values.publicAddress -}}
value: {{ .Values.publicAddress | quote }}
{{- else -}}
valueFrom: { fieldRef: { fieldPath: {{ ternary "status.hostIP" "status.podIP" .Values.hostNetwork }} } }
{{- end -}}
{{- end -}}
{{- /* Where the embedded engine listens; nothing when the configuration says so itself, which the environment would overrule. */ -}}
{{- define "voice-gateway.sipListen" -}}
{{- $sip := .Values.sip -}}
{{- if $sip.listen -}}
{{- $sip.listen -}}
{{- else if not (dig "sip" "listen" "" .Values.config) -}}
udp:$(POD_IP):{{ $sip.port }},tcp:$(POD_IP):{{ $sip.port }}{{ if $sip.tls.existingSecret }},tls:$(POD_IP):{{ $sip.tls.port }}{{ end }}
{{- end -}}
{{- end -}}
{{- define "voice-gateway.recordingsClaim" -}}
{{- .Values.persistence.existingClaim | default (printf "%s-recordings" (include "voice-gateway.name" .)) -}}
{{- end -}}
