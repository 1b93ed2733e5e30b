{{- define "shop.image" -}}
{{ .Values.web.image.repository }}:{{ .Values.web.image.tag }}
{{- end }}
