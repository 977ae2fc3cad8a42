# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='dcmtk'
ready='tcp/11112'
expect='dicom'
protocols='dicom'
shows='DICOM: association, echo, release'

server() { storescp 11112; }

client() { echoscu server.example.com 11112; }
