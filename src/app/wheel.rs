//! How many events one notch of the mouse wheel produces.
//!
//! An X server without a scrolling device (remote desktop, virtual screen) reports a notch as a button press and
//! release, and winit reports both as a turn of the wheel. With a scrolling device, each notch is one event.

/// Number of wheel events per notch: 1 or 2.
pub(super) fn events_per_notch() -> f32 {
    #[cfg(all(unix, not(target_os = "macos")))]
    if x11::has_window() && x11::knows_scrolling() == Some(false) {
        log::info!("the display has no scrolling device: a notch of the wheel is reported twice");
        return 2.0;
    }
    1.0
}

#[cfg(all(unix, not(target_os = "macos")))]
mod x11 {
    use x11rb::{
        connection::RequestConnection,
        protocol::xinput::{
            ConnectionExt, DeviceClassData, DeviceType, X11_EXTENSION_NAME, XIDeviceInfo,
        },
        rust_connection::RustConnection,
    };

    /// All devices (`XIAllDevices`).
    const ALL: u16 = 0;

    /// True if the window is an X11 window: Wayland is preferred if both exist.
    pub(super) fn has_window() -> bool {
        let has_wayland = is_variable_set("WAYLAND_DISPLAY") || is_variable_set("WAYLAND_SOCKET");
        !has_wayland && is_variable_set("DISPLAY")
    }

    /// True if an environment variable is set and not empty.
    fn is_variable_set(name: &str) -> bool {
        std::env::var_os(name).is_some_and(|value| !value.is_empty())
    }

    /// True if a pointer of the display has a scroll axis; `None` if unknown.
    pub(super) fn knows_scrolling() -> Option<bool> {
        let (connection, _) = RustConnection::connect(None).ok()?;
        connection
            .extension_information(X11_EXTENSION_NAME)
            .ok()??;
        // The server reports scroll axes only to clients that know XInput 2.1.
        connection
            .xinput_xi_query_version(2, 2)
            .ok()?
            .reply()
            .ok()?;
        let devices = connection.xinput_xi_query_device(ALL).ok()?.reply().ok()?;
        Some(devices.infos.iter().any(has_scroll_axis))
    }

    fn has_scroll_axis(device: &XIDeviceInfo) -> bool {
        let is_pointer =
            [DeviceType::SLAVE_POINTER, DeviceType::FLOATING_SLAVE].contains(&device.type_);
        is_pointer
            && device
                .classes
                .iter()
                .any(|class| matches!(class.data, DeviceClassData::Scroll(_)))
    }
}
