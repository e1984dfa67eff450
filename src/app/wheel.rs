//! How often a notch of the wheel is told.
//!
//! An X server that knows of no scrolling (a remote desktop, a virtual screen) tells a notch as a button that goes down and
//! up, and the window system's library reports both as a turn of the wheel. Where a device scrolls, each notch comes once.

/// So many events of the wheel make one notch.
pub(super) fn events_per_notch() -> f32 {
    #[cfg(all(unix, not(target_os = "macos")))]
    if x11::has_window() && x11::knows_scrolling() == Some(false) {
        log::info!("the display has no device that scrolls: a notch of the wheel comes twice");
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

    /// For all devices (`XIAllDevices`).
    const ALL: u16 = 0;

    /// Where there is Wayland, the window is one of Wayland.
    pub(super) fn has_window() -> bool {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        !is_set("WAYLAND_DISPLAY") && !is_set("WAYLAND_SOCKET") && is_set("DISPLAY")
    }

    /// True where a pointer of the display has an axis for scrolling; `None` where that cannot be told.
    pub(super) fn knows_scrolling() -> Option<bool> {
        let (connection, _) = RustConnection::connect(None).ok()?;
        connection
            .extension_information(X11_EXTENSION_NAME)
            .ok()??;
        // Axes for scrolling are told to those who know 2.1.
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
