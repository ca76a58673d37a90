# What `cmake --install` puts where, and the Debian package that cpack makes of it.
include(GNUInstallDirs)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)
install(TARGETS sf RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/sf FILES_MATCHING PATTERN "*.yaml")
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})

# A package has its licence under its own name.
install(FILES cmake/package/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/sf-engine COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_SOURCE_GENERATOR TXZ)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME sf-engine)
set(CPACK_COMPONENTS_ALL runtime debian)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGE_CONTACT "sf maintainers <maintainers@sf-engine.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains and tests SlowFast video networks")
set(CPACK_PACKAGE_DESCRIPTION
"sf reads the configuration files and weights of PySlowFast, decodes videos
with FFmpeg, and trains and tests SlowFast, Slow, I3D and C2D networks on the
CPU, or on an NVIDIA GPU where it was built for one. It needs neither Python
nor PyTorch.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# FFmpeg is not linked, so nothing sees which of its packages are wanted; PackageDepends.cmake asks dpkg when cpack runs.
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/PackageDepends.cmake)
foreach(name avformat avcodec swscale avutil)
  string(REGEX MATCH "^[0-9]+" major "${FFMPEG_lib${name}_VERSION}")
  list(APPEND CPACK_SF_LOADED ${FFMPEG_lib${name}_LIBDIR}/lib${name}.so.${major})
endforeach()
include(CPack)
