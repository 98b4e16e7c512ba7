{{/* What tells the pods of a part; called with a list of the root and the part. */}}
{{- define "leafpath.selector" -}}
app.kubernetes.io/name: leafpath
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "leafpath.labels" -}}
{{ include "leafpath.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{/* What all pods have: the standard `restricted`, and no token of the cluster. */}}
{{- define "leafpath.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ $root.Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 1 }}
  runAsGroup: {{ index . 1 }}
  fsGroup: {{ index . 1 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "leafpath.container" -}}
imagePullPolicy: {{ .Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Settings and volumes that API and worker share. */}}
{{- define "leafpath.env" -}}
- {name: LEAFPATH_CACHE_KEY_FILE, value: /run/leafpath/cache_key}
{{- if .Values.trustedKeys }}
- {name: LEAFPATH_TRUSTED_KEYS, value: /run/leafpath/trusted_keys}
{{- end }}
{{- end }}

{{- define "leafpath.mounts" -}}
envFrom:
  - configMapRef: {name: {{ .Release.Name }}-settings}
volumeMounts:
  - {name: bundles, mountPath: /bundles, readOnly: true}
  - {name: secrets, mountPath: /run/leafpath, readOnly: true}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* Called with a list of the root and the files besides those that both need. */}}
{{- define "leafpath.volumes" -}}
{{- $root := index . 0 -}}
{{- $files := concat (list "LEAFPATH_CACHE_URL" "LEAFPATH_JOBS_URL" "cache_key") (index . 1) -}}
{{- if $root.Values.trustedKeys }}{{ $files = append $files "trusted_keys" }}{{ end -}}
volumes:
  - name: bundles
    {{- toYaml $root.Values.bundles | nindent 4 }}
  - name: secrets
    secret:
      secretName: {{ $root.Values.secret }}
      defaultMode: 0440
      items:
        {{- range $files }}
        - {key: {{ . }}, path: {{ . }}}
        {{- end }}
  - name: tmp
    emptyDir: {sizeLimit: 512Mi}  # copies of the bundles that are served
{{- end }}
