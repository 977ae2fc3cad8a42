module github.com/weirnet/weir

go 1.26.0

require (
	github.com/gaissmai/bart v0.30.0
	github.com/klauspost/compress v1.20.3
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/net v0.62.0
)
