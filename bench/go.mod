module github.com/weirnet/weir/bench

go 1.26.0

require (
	github.com/gopacket/gopacket v1.7.7
	github.com/weirnet/weir v0.0.0
)

require github.com/klauspost/compress v1.20.3 // indirect

replace github.com/weirnet/weir => ../
