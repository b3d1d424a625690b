# Cross-builds for 64-bit ARM on Debian, with its cross compiler and its libraries of that architecture (.ci/aarch64).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# Debian 12 has no pkg-config of that architecture, and this machine's own would answer for its own libraries.
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64/yaml-cpp:/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
